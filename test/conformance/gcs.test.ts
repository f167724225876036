import { GcsBackend } from "svc-infra/storage/gcs";
import { afterAll } from "vitest";
import { startGcsDouble } from "../rigs/gcs-double.js";
import { runSuite } from "./run-suite.js";

const { bucket, endpoint, owner, stop } = await startGcsDouble();

runSuite("gcs", () => new GcsBackend({ bucket, endpoint, credentials: owner }));

afterAll(stop);
