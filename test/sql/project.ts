import { spawn } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** An application in a folder of its own, as a user has it, on which the commands run. */
export class Project {
  readonly folder: string = mkdtempSync(join(tmpdir(), "svc-infra-project-"));
  readonly #env: Readonly<Record<string, string>>;

  /** @param env - more variables of the commands. */
  constructor(url: string, env: Readonly<Record<string, string>> = {}) {
    const { PATH = "", HOME = "" } = process.env;
    // A server on a busy machine takes its time to take a connection.
    this.#env = { PATH, HOME, SQL_URL: url, SQL_POOL_TIMEOUT_MS: "120000", ...env };
    mkdirSync(join(this.folder, "node_modules"));
    symlinkSync(resolve("."), join(this.folder, "node_modules/svc-infra"));
    symlinkSync(resolve("node_modules/drizzle-orm"), join(this.folder, "node_modules/drizzle-orm"));
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(join(this.folder, file)), { recursive: true });
    writeFileSync(join(this.folder, file), text);
  }

  read(file: string): string {
    return readFileSync(join(this.folder, file), "utf8");
  }

  /** Names of its migrations. */
  migrations(): string[] {
    return readdirSync(join(this.folder, "migrations")).sort();
  }

  /** Starts `svc-infra db ...`; `stop` kills it. */
  start(...args: readonly string[]): { ended: Promise<Ended>; stop: () => void } {
    const child = spawn(process.execPath, [resolve("dist/cli/main.js"), "db", ...args], {
      cwd: this.folder,
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [out, err] = ["", ""];
    child.stdout.on("data", (piece) => {
      out += piece;
    });
    child.stderr.on("data", (piece) => {
      err += piece;
    });
    const ended = new Promise<Ended>((tell) => child.on("close", (code) => tell({ code, out, err })));
    return { ended, stop: () => child.kill("SIGKILL") };
  }

  /** Runs `svc-infra db ...` to its end. */
  db(...args: readonly string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
