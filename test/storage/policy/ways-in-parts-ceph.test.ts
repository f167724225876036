import { S3Backend } from "svc-infra/storage/s3";
import { afterAll } from "vitest";
import { startCeph } from "../../rigs/ceph.js";
import { s3Options } from "../../rigs/s3-options.js";
import { waysInParts } from "./ways-in-parts.js";

const rig = await startCeph();

waysInParts("Ceph", () => new S3Backend(s3Options(rig)));

afterAll(() => rig.stop());
