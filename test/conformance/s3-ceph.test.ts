import { S3Backend } from "svc-infra/storage/s3";
import { afterAll } from "vitest";
import { startCeph } from "../rigs/ceph.js";
import { s3Options } from "../rigs/s3-options.js";
import { runSuite } from "./run-suite.js";

const rig = await startCeph();
await rig.createBucket("conformance");

runSuite("s3-ceph", () => new S3Backend({ ...s3Options(rig), bucket: "conformance" }));

afterAll(() => rig.stop());
