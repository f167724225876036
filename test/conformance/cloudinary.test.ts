import { CloudinaryBackend } from "svc-infra/storage/cloudinary";
import { afterAll } from "vitest";
import { startCloudinaryDouble } from "../rigs/cloudinary-double.js";
import { runSuite } from "./run-suite.js";

const double = await startCloudinaryDouble();

runSuite("cloudinary", () => new CloudinaryBackend(double.options));

afterAll(() => double.stop());
