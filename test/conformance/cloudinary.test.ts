import { CloudinaryBackend } from "svc-infra/storage/cloudinary";
import { afterAll } from "vitest";
import { startCloudinaryDouble } from "../rigs/cloudinary-double.js";
import { runLaw } from "./run-law.js";

const double = await startCloudinaryDouble();

runLaw("cloudinary", () => new CloudinaryBackend(double.options));

afterAll(() => double.stop());
