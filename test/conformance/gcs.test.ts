import { GcsBackend } from "svc-infra/storage/gcs";
import { afterAll } from "vitest";
import { startGcsDouble } from "../rigs/gcs-double.js";
import { runLaw } from "./run-law.js";

const { bucket, endpoint, owner, stop } = await startGcsDouble();

runLaw("gcs", () => new GcsBackend({ bucket, endpoint, credentials: owner }));

afterAll(stop);
