import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../s3-stub/main.js", import.meta.url));

/**
 * Starts the stub of S3 in a process of its own.
 *
 * @param {{ pages: number }} options How many pages its listing has.
 * @returns {Promise<{ endpoint: string, stop: () => void }>}
 */
export async function startS3Stub(options) {
  const stub = fork(main, [JSON.stringify(options)]);
  const port = await new Promise((resolve, reject) => {
    stub.once("message", (message) => resolve(/** @type {{ port: number }} */ (message).port));
    stub.once("error", reject);
    stub.once("exit", (code) => reject(new Error(`the stub of S3 ended with code ${code}`)));
  });
  return { endpoint: `http://127.0.0.1:${port}`, stop: () => stub.disconnect() };
}
