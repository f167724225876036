import { Storage } from "svc-infra/storage";
import { CloudinaryBackend, type CloudinaryBackendOptions } from "svc-infra/storage/cloudinary";
import { onTestFinished } from "vitest";
import {
  type CloudinaryDouble,
  type DoubleOptions,
  startCloudinaryDouble,
} from "../../rigs/cloudinary-double.js";

export interface Fresh {
  readonly double: CloudinaryDouble;
  readonly backend: CloudinaryBackend;
  readonly storage: Storage<CloudinaryBackend["capabilities"]>;
}

/** A backend on a double of its own; both end with the test. */
export async function fresh(
  options: Partial<CloudinaryBackendOptions> = {},
  account: DoubleOptions = {},
): Promise<Fresh> {
  const double = await startCloudinaryDouble(account);
  const backend = new CloudinaryBackend({ ...double.options, ...options });
  onTestFinished(async () => {
    await backend.close();
    await double.stop();
  });
  return { double, backend, storage: new Storage(backend) };
}

/** The start of a PNG, which is as much as the double looks at. */
export function png(text = ""): Buffer {
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), Buffer.from(text)]);
}

/** The start of an MP4. */
export function mp4(text = ""): Buffer {
  return Buffer.concat([Buffer.from("\0\0\0\x18ftypmp42", "latin1"), Buffer.from(text)]);
}
