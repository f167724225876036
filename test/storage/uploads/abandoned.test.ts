import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { afterAll, expect, it } from "vitest";

/** 1,000 at a release. */
const uploads = Number(process.env.ABANDONED_UPLOADS ?? 100);
const perProcess = 20;
const script = fileURLToPath(new URL("abandoning-process.js", import.meta.url));
const basePath = mkdtempSync(join(tmpdir(), "svc-infra-abandoned-"));

afterAll(() => rmSync(basePath, { recursive: true, force: true }));

/** Lets a process begin some uploads and kills it amid one; those that it told of. */
async function beginAndDie(serial: number): Promise<readonly string[]> {
  const child = fork(script, [basePath, String(serial)], { stdio: ["ignore", "pipe", "inherit", "ipc"] });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    if (lines.push(line) === perProcess) child.kill("SIGKILL");
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return lines;
}

function filesBelow(folder: string): string[] {
  const path = join(basePath, ".svc-infra", folder);
  if (!existsSync(path)) return [];
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

it("one sweep leaves nothing of abandoned uploads, and every living one completes", async () => {
  const told: string[] = [];
  for (let serial = 0; told.length < uploads; serial++) told.push(...(await beginAndDie(serial)));
  const alive = told.filter((line) => line.startsWith("alive")).map((line) => line.split(" "));
  await new Promise((resolve) => setTimeout(resolve, 2100));
  const storage = new Storage(
    new LocalBackend({ basePath, baseUrl: "http://localhost/files", durability: "fast" }),
    { policy: { types: ["text/plain"] } },
  );
  const report = await storage.sweep();
  expect(report.staged).toBeGreaterThanOrEqual(told.length - alive.length);
  expect(await storage.sweep()).toMatchObject({ staged: 0, uploads: 0 });
  for (const [, id = "", key = ""] of alive) {
    expect((await storage.completeUpload(id)).key).toBe(key);
    expect(Buffer.from(await storage.get(key)).toString()).toBe("hello");
  }
  // Uploads in parts have leases of seven days.
  await storage.sweep({ now: new Date(Date.now() + 8 * 86_400_000) });
  expect(await storage.sweep({ now: new Date(Date.now() + 8 * 86_400_000) })).toEqual({
    staged: 0,
    uploads: 0,
    alive: 0,
    isDryRun: false,
  });
  for (const folder of ["staging", "tmp", "multipart", "pending"])
    expect(filesBelow(folder), folder).toEqual([]);
  expect(await storage.listKeys({ limit: 1000 })).toHaveLength(alive.length);
  await storage.close();
}, 600_000);
