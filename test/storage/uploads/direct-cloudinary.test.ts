import { CloudinaryBackend } from "svc-infra/storage/cloudinary";
import { afterAll } from "vitest";
import { startCloudinaryDouble } from "../../rigs/cloudinary-double.js";
import { directSuite } from "./direct-suite.js";

const double = await startCloudinaryDouble();

directSuite("cloudinary", () => new CloudinaryBackend(double.options));

afterAll(() => double.stop());
