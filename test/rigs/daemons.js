// @ts-check
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/**
 * A program that the guard is to run.
 *
 * @typedef {{ id: number, command: string, args: readonly string[], env: NodeJS.ProcessEnv, log: string }} Order
 */

/**
 * @typedef {object} Task
 * @property {string} name
 * @property {string} log
 * @property {boolean} stays - whether its end is a failure.
 * @property {Promise<string | number>} end - exit status, name of the signal, or why it could not be started.
 * @property {(end: string | number) => void} tellEnd
 * @property {string | number | undefined} ended
 */

const guardScript = fileURLToPath(new URL("guard.js", import.meta.url));
/** Nothing of the caller's environment reaches a server. */
const env = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C.UTF-8" };
const pollMs = 20;
const lastLines = 15;

/**
 * The servers of one rig, in a temporary folder of their own. `stop` ends them and removes the folder; so does the end of
 * this process, by whatever signal.
 */
export class Daemons {
  /** @type {import("node:child_process").ChildProcess} */
  #guard;
  /** @type {Task[]} */
  #tasks = [];
  #awaited = 0;

  /**
   * @param {string} folder - where everything is kept.
   * @private use `inOwnFolder`
   */
  constructor(folder) {
    this.folder = folder;
    this.#guard = fork(guardScript, [folder], {
      execArgv: [],
      detached: true,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#guard.on("message", (/** @type {{ id: number, end: string | number }} */ { id, end }) =>
      this.#tasks[id]?.tellEnd(end),
    );
    this.#guard.on("exit", () => this.#tasks.forEach((task) => void task.tellEnd("the guard ended")));
    this.#guard.unref();
    this.#guard.channel?.unref();
  }

  /**
   * @param {string} name - of the rig.
   * @param {string} [parent] - where its folder is made; that of temporary files by default.
   */
  static async inOwnFolder(name, parent = tmpdir()) {
    return new Daemons(await mkdtemp(join(parent, `svc-infra-${name}-`)));
  }

  /**
   * Starts a server; its output goes to `NAME.log` in the folder.
   *
   * @param {string} name
   * @param {string} command
   * @param {readonly string[]} args
   */
  start(name, command, args) {
    this.#order(name, command, args, true);
  }

  /**
   * Runs a program to its end.
   *
   * @param {string} name
   * @param {string} command
   * @param {readonly string[]} args
   * @throws Error when it does not end with 0.
   */
  async run(name, command, args) {
    const end = await this.#waitingFor(this.#order(name, command, args, false).end);
    if (end !== 0) throw new Error(`${name} ended with ${end}`);
  }

  /**
   * Waits for something to be so.
   *
   * @param {string} what - the end of the sentence "waited for ...".
   * @param {() => boolean | Promise<boolean>} check - a rejection means not yet.
   * @param {number} [timeoutMs]
   * @throws Error when a server ended or the time is over.
   */
  async until(what, check, timeoutMs = 45_000) {
    const deadline = Date.now() + timeoutMs;
    while (!(await isSo(check))) {
      const dead = this.#tasks.find(({ stays, ended }) => stays && ended !== undefined);
      if (dead !== undefined) throw new Error(`${dead.name} ended with ${dead.ended}`);
      if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
      await sleep(pollMs);
    }
  }

  /**
   * Does the starting; when it fails, stops everything and says what the servers logged last.
   *
   * @template T
   * @param {() => Promise<T>} starting
   * @returns {Promise<T>}
   */
  async whole(starting) {
    try {
      return await starting();
    } catch (error) {
      const logs = await Promise.all(this.#tasks.map(tailOf));
      await this.stop();
      throw new Error(`${error instanceof Error ? error.message : error}${logs.join("")}`, { cause: error });
    }
  }

  /** Ends the servers and removes the folder. */
  async stop() {
    if (this.#guard.exitCode !== null || this.#guard.signalCode !== null) return;
    this.#guard.ref();
    const end = once(this.#guard, "exit");
    if (this.#guard.connected) this.#guard.disconnect();
    await end;
  }

  /**
   * The guard holds this process only while something of it is awaited.
   *
   * @template T
   * @param {Promise<T>} promise
   */
  async #waitingFor(promise) {
    if (this.#awaited++ === 0) this.#guard.channel?.ref();
    try {
      return await promise;
    } finally {
      if (--this.#awaited === 0) this.#guard.channel?.unref();
    }
  }

  /**
   * @param {string} name
   * @param {string} command
   * @param {readonly string[]} args
   * @param {boolean} stays
   */
  #order(name, command, args, stays) {
    /** @type {(end: string | number) => void} */
    let resolveEnd = () => undefined;
    const end = new Promise((/** @type {(end: string | number) => void} */ resolve) => {
      resolveEnd = resolve;
    });
    const log = join(this.folder, `${name}.log`);
    const tellEnd = (/** @type {string | number} */ how) => {
      task.ended ??= how;
      resolveEnd(how);
    };
    /** @type {Task} */
    const task = { name, log, stays, end, tellEnd, ended: undefined };
    const id = this.#tasks.push(task) - 1;
    this.#guard.send({ id, command, args, env, log });
    return task;
  }
}

/** @param {() => boolean | Promise<boolean>} check */
async function isSo(check) {
  try {
    return await check();
  } catch {
    return false;
  }
}

/** @param {Task} task */
async function tailOf({ name, log }) {
  const text = await readFile(log, "utf8").catch(() => "");
  const lines = text.trimEnd().split("\n").slice(-lastLines);
  return text === "" ? "" : `\n--- ${name}:\n${lines.join("\n")}`;
}
