import { S3Backend } from "svc-infra/storage/s3";
import { afterAll } from "vitest";
import { startCeph } from "../rigs/ceph.js";
import { runLaw } from "./run-law.js";

const rig = await startCeph();
await rig.createBucket("law");

runLaw("s3-ceph", () => new S3Backend({ ...rig, bucket: "law", provider: "ceph" }));

afterAll(() => rig.stop());
