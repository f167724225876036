import { GcsBackend } from "svc-infra/storage/gcs";
import { afterAll } from "vitest";
import { startGcsDouble } from "../../rigs/gcs-double.js";
import { directSuite } from "./direct-suite.js";

const { bucket, endpoint, owner, stop } = await startGcsDouble();

directSuite("gcs", () => new GcsBackend({ bucket, endpoint, credentials: owner }));

afterAll(stop);
