import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * A server in a process of its own, that the cases over HTTP call.
 *
 * @param {string} name Of a module in `servers/`.
 * @returns {import("../harness/contracts.js").Adapter}
 */
export function httpServer(name) {
  return {
    name,
    layout: name,
    open: async ({ dir }) => {
      const path = fileURLToPath(new URL(`../servers/${name}.js`, import.meta.url));
      // A profile that is asked for is taken of the server, too.
      const execArgv = process.execArgv.filter((each) => each.startsWith("--cpu-prof"));
      const server = fork(path, [JSON.stringify({ dir })], { execArgv });
      const served = await new Promise((resolve, reject) => {
        server.once("message", resolve);
        server.once("exit", (code) => reject(new Error(`the server ${name} ended with code ${code}`)));
      });
      return {
        served: { ...served, pids: served.pids ?? [server.pid ?? 0] },
        close: () =>
          new Promise((resolve) => {
            server.once("exit", () => resolve());
            server.disconnect();
          }),
      };
    },
  };
}
