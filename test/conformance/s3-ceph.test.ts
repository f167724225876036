import { S3Backend } from "svc-infra/storage/s3";
import { afterAll } from "vitest";
import { startCeph } from "../rigs/ceph.js";
import { runSuite } from "./run-suite.js";

const rig = await startCeph();
await rig.createBucket("conformance");

runSuite("s3-ceph", () => new S3Backend({ ...rig, bucket: "conformance", provider: "ceph" }));

afterAll(() => rig.stop());
