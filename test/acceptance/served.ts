import { CommandLine, freePort } from "../cli/command-line.js";
import type { ServedBackend } from "./served-backends.js";

/** `svc-infra serve` on a backend: a process of its own that knows nothing but its environment. */
export interface Served {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts the backend and `svc-infra serve` on it, open, on a free port of the loopback interface. */
export async function serve(
  { type, start }: ServedBackend,
  settings: Readonly<Record<string, string>> = {},
): Promise<Served> {
  const backend = await start();
  const commandLine = new CommandLine();
  const stop = async () => {
    commandLine.dispose();
    await backend.stop();
  };
  try {
    const port = await freePort();
    const env = { STORAGE_BACKEND: type, LOG_LEVEL: "warn", ...backend.env, ...settings, PORT: String(port) };
    const command = commandLine.start(["serve"], env);
    await command.ready(`http://127.0.0.1:${port}`);
    return { port, pid: command.pid, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
