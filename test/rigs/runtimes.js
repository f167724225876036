// @ts-check
import { fileURLToPath } from "node:url";

const folder = new URL("runtimes/node_modules/", import.meta.url);

/** Programs that run JavaScript, beside the one that runs the tests; `installLocked("runtimes")` puts them there. */
export const runtimes = {
  "Node 22": programAt("node-22/bin/node"),
  "Node 24": programAt("node-24/bin/node"),
  "Bun 1.4": programAt("@oven/bun-linux-x64-baseline/bin/bun"),
};

/** @param {string} path */
function programAt(path) {
  return fileURLToPath(new URL(path, folder));
}
