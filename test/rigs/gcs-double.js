// @ts-check
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { stayWhenRunDirectly } from "./stay.js";

/**
 * @typedef {Readonly<Record<string, string>>} KeyFile - the key of a service account.
 * @typedef {object} GcsDoubleRig
 * @property {string} endpoint
 * @property {string} bucket - the only one there is.
 * @property {KeyFile} owner - of an account that may do everything.
 * @property {KeyFile} stranger - of an account that may do nothing.
 * @property {Readonly<Record<string, string>>} env - settings of svc-infra.
 * @property {() => Promise<DoubleState>} state
 * @property {() => Promise<void>} stop
 *
 * What it has, and how often it was asked for what.
 *
 * @typedef {{ objects: string[], connections: number, sessions: number } & Record<string, number | undefined>} DoubleState
 */

/**
 * Starts the contract double of Google Cloud Storage. It ends with this process, however that ends.
 *
 * @param {{ clockSkewMs?: number, rewriteBytesPerCall?: number, keepsAtMost?: number, isOpen?: boolean }} [options]
 * @returns {Promise<GcsDoubleRig>}
 */
export async function startGcsDouble(options = {}) {
  const script = fileURLToPath(new URL("gcs-double/process.js", import.meta.url));
  const child = fork(script, [JSON.stringify(options)], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    execArgv: [],
  });
  const ended = once(child, "exit");
  const facts = await Promise.race([once(child, "message").then(([message]) => message), ended]);
  if (Array.isArray(facts)) throw new Error("the double of Google Cloud Storage did not start");
  const { endpoint, bucket, owner, stranger } = facts;
  const env = {
    STORAGE_BACKEND: "gcs",
    STORAGE_GCS_BUCKET: bucket,
    STORAGE_GCS_ENDPOINT: endpoint,
    STORAGE_GCS_CREDENTIALS: JSON.stringify(owner),
  };
  /** @returns {Promise<any>} */
  const state = async () =>
    (await fetch(`${endpoint}/_double/state`, { headers: { connection: "close" } })).json();
  const stop = async () => {
    if (child.connected) child.disconnect();
    await ended;
  };
  return { endpoint, bucket, owner, stranger, env, state, stop };
}

await stayWhenRunDirectly(import.meta.url, () => startGcsDouble());
