// @ts-check
import { once } from "node:events";
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Run directly, a rig prints the environment variables of a client, one NAME=value a line, and stays until SIGINT or SIGTERM.
 *
 * @param {string} moduleUrl - `import.meta.url` of the rig.
 * @param {() => Promise<{ env: Readonly<Record<string, string>>, stop(): Promise<void> }>} start
 */
export async function stayWhenRunDirectly(moduleUrl, start) {
  const [, script = ""] = process.argv;
  if (script === "" || realpathSync(script) !== fileURLToPath(moduleUrl)) return;
  const { env, stop } = await start();
  for (const [name, value] of Object.entries(env)) console.log(`${name}=${value}`);
  const awake = setInterval(() => undefined, 2 ** 30);
  await Promise.race(["SIGINT", "SIGTERM"].map((signal) => once(process, signal)));
  clearInterval(awake);
  await stop();
}
