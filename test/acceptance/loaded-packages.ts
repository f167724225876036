import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const recorder = pathToFileURL(resolve("test/acceptance/record-modules.js")).href;

/** The packages that a program loads from node_modules, by name. */
export async function loadedPackages(program: string): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), "modules-"));
  const record = join(folder, "modules.txt");
  try {
    const args = ["--import", recorder, "--input-type=module", "--eval", program];
    const env = { PATH: process.env.PATH ?? "", RECORD_TO: record, LOG_LEVEL: "silent" };
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const [code] = await once(child, "close");
    if (code !== 0) throw new Error(`ended with ${code}: ${stderr}`);
    return existsSync(record) ? packagesIn(readFileSync(record, "utf8")) : [];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function packagesIn(record: string): readonly string[] {
  const names = [...record.matchAll(/\/node_modules\/((?:@[^/\n]+\/)?[^/\n]+)/g)].map(
    ([, name = ""]) => name,
  );
  return [...new Set(names)].sort();
}
