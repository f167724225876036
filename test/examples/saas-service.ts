import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";

const sources = "examples/saas";

/** The compiled example, in a folder inside the project, where the names of packages lead somewhere. */
export async function compileSaas(): Promise<{
  readonly main: string;
  readonly remove: () => Promise<void>;
}> {
  const folder = await mkdtemp(join(import.meta.dirname, ".saas-"));
  await mkdir(join(folder, "dist"));
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
  for (const name of await readdir(sources)) {
    if (!name.endsWith(".ts")) continue;
    const { outputText } = ts.transpileModule(await readFile(join(sources, name), "utf8"), {
      compilerOptions,
    });
    await writeFile(join(folder, "dist", name.replace(/\.ts$/, ".js")), outputText);
  }
  for (const name of ["pages", "migrations"]) {
    await cp(join(sources, name), join(folder, name), { recursive: true });
  }
  return { main: join(folder, "dist/main.js"), remove: () => rm(folder, { recursive: true }) };
}

/** A folder with the `.env` of the tutorial, in which any number of processes of the service run. */
export class SaasFolder {
  readonly path: string;
  readonly #main: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #processes: ChildProcess[] = [];
  /** What the processes wrote. */
  log = "";

  private constructor(path: string, main: string, env: Readonly<Record<string, string>>) {
    this.path = path;
    this.#main = main;
    this.#env = env;
  }

  /** @param env - beats the `.env`. */
  static async make(main: string, env: Readonly<Record<string, string>>): Promise<SaasFolder> {
    const path = await mkdtemp(join(tmpdir(), "saas-"));
    await cp(join(sources, "example.env"), join(path, ".env"));
    return new SaasFolder(path, main, env);
  }

  /** Starts a process, and waits until it is ready. */
  async start(port: number, env: Readonly<Record<string, string>> = {}): Promise<ChildProcess> {
    const child = spawn(process.execPath, [this.#main], {
      cwd: this.path,
      env: { PATH: process.env.PATH ?? "", HOME: this.path, PORT: String(port), ...this.#env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const keep = (piece: Buffer) => {
      this.log += piece;
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    this.#processes.push(child);
    for (;;) {
      const isReady = await fetch(`http://localhost:${port}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isReady) return child;
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended: ${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** The link of the newest mail. */
  async link(): Promise<string> {
    const folder = join(this.path, ".data/mail");
    const names = await readdir(folder).catch(() => []);
    const newest = names
      .filter((name) => name.endsWith(".eml"))
      .sort()
      .at(-1);
    if (newest === undefined) throw new Error("there is no mail");
    const mail = (await readFile(join(folder, newest), "utf8")).replaceAll("=\n", "").replaceAll("=3D", "=");
    const [link] = /http:\/\/localhost\S+/.exec(mail) ?? [];
    if (link === undefined) throw new Error(`there is no link in ${mail}`);
    return link;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((child) => end(child, "SIGTERM")));
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true });
  }
}

/** Ends a process and waits until it is gone. */
export async function end(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}
