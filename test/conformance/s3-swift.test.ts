import { S3Backend } from "svc-infra/storage/s3";
import { afterAll, vi } from "vitest";
import { s3Options } from "../rigs/s3-options.js";
import { startSwift } from "../rigs/swift.js";
import { runSuite } from "./run-suite.js";

// One process of Swift does about a hundred writes a second, fewer on a busy machine, and one case makes 1,100 objects in each of four stacks.
vi.setConfig({ testTimeout: 900_000 });

const rig = await startSwift();
await rig.createBucket("conformance");

runSuite("s3-swift", () => new S3Backend({ ...s3Options(rig), bucket: "conformance" }));

afterAll(() => rig.stop());
