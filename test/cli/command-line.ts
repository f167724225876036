import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Writable } from "node:stream";
import { setTimeout as after } from "node:timers/promises";

const main = resolve("dist/cli/main.js");

/** A process that waits for a core of a busy machine is late, and would refuse requests; shedding has tests of its own. */
const neverOverloaded = { SHED_EVENT_LOOP_DELAY_MS: "0" };

/** What a command left behind. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line in a folder of its own, with no variables but those given. */
export class CommandLine {
  readonly folder: string = mkdtempSync(join(tmpdir(), "cli-"));
  readonly #children: ChildProcessWithoutNullStreams[] = [];

  /** Runs a command to its end. */
  async run(
    args: readonly string[],
    env: Record<string, string> = {},
    input?: string | Uint8Array,
  ): Promise<Outcome> {
    const running = this.start(args, env);
    if (input !== undefined) running.stdin.end(input);
    return running.outcome;
  }

  /** Starts a command that goes on. */
  start(args: readonly string[], env: Record<string, string> = {}): RunningCommand {
    const child = spawn(process.execPath, [main, ...args], {
      cwd: this.folder,
      env: { PATH: process.env.PATH ?? "", ...neverOverloaded, ...env },
    });
    this.#children.push(child);
    return new RunningCommand(child);
  }

  /** Ends what still runs and removes the folder. */
  dispose(): void {
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A command that was started. */
export class RunningCommand {
  readonly outcome: Promise<Outcome>;
  readonly #child: ChildProcessWithoutNullStreams;
  #stdout = "";
  #stderr = "";

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    this.outcome = once(child, "close").then(([code]) => ({
      code,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
  }

  /** What the command reads. */
  get stdin(): Writable {
    return this.#child.stdin;
  }

  /** Reads nothing more, as `head` does when it has enough. */
  closeOutput(): void {
    this.#child.stdout.destroy();
  }

  /** Process id. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("the command did not start");
    return this.#child.pid;
  }

  /** Waits until the service at `url` answers. */
  async ready(url: string): Promise<void> {
    while (this.#child.exitCode === null) {
      const response = await fetch(`${url}/healthz`, { headers: { connection: "close" } }).catch(
        () => undefined,
      );
      if (response?.ok === true) return;
      await after(20);
    }
    throw new Error(`the service ended: ${this.#stderr}${this.#stdout}`);
  }

  /** Tells the command to stop and waits until it has. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Outcome> {
    this.#child.kill(signal);
    return this.outcome;
  }
}

/** A port that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("there is no port");
  return address.port;
}
