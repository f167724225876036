import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Environment, readEnvironment } from "svc-infra/kernel";

/** The environment of a process in a folder whose `.env` file has these variables. */
export function environmentOf(file: Record<string, string>, process: Record<string, string>): Environment {
  const folder = mkdtempSync(join(tmpdir(), "env-"));
  try {
    const lines = Object.entries(file).map(([name, value]) => `${name}='${value}'\n`);
    writeFileSync(join(folder, ".env"), lines.join(""));
    return readEnvironment(join(folder, ".env"), process);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
