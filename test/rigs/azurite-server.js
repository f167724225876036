// @ts-check
import { createRequire } from "node:module";

/**
 * Azurite, which serves blobs until it is stopped. Its version 3.35 declares `--blobKeepAliveTimeout` and reads the value
 * under another name, so that connections end after 5 s whatever is asked for. The option is read here.
 */
const load = createRequire(new URL("azurite/", import.meta.url));
const { default: Environment } = load("azurite/dist/src/blob/BlobEnvironment.js");
Environment.prototype.blobKeepAliveTimeout = /** @this {any} */ function () {
  return this.flags.blobKeepAliveTimeout;
};
load("azurite/dist/src/blob/main.js");
