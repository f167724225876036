import { fork } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Prefix, Storage } from "svc-infra/storage";
import { expect, it } from "vitest";
import { stagingRoot } from "#dist/storage/contract/key.js";

/** 1,000 at a release. */
const uploads = Number(process.env.ABANDONED_UPLOADS ?? 100);
const perProcess = 20;
const script = fileURLToPath(new URL("abandoning-process.js", import.meta.url));
const inEightDays = () => new Date(Date.now() + 8 * 86_400_000);

/** A service, as the processes that begin uploads are told of it, and as the test reaches it. */
export interface AbandonedPlace {
  readonly env: Readonly<Record<string, string>>;
  readonly open: () => Promise<Storage>;
  /** What only the service's own tools see of uploads that are over; there must be none. */
  readonly leftovers?: () => readonly string[];
}

/** Lets a process begin some uploads and kills it amid one; those that it told of. */
async function beginAndDie(env: AbandonedPlace["env"], serial: number): Promise<readonly string[]> {
  const child = fork(script, [String(serial)], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    if (lines.push(line) === perProcess) child.kill("SIGKILL");
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  expect(lines.length).toBeGreaterThanOrEqual(perProcess);
  return lines;
}

async function stagedKeys({ backend }: Storage): Promise<readonly string[]> {
  const page = { delimiter: undefined, cursor: undefined, limit: 1000, details: false, signal: undefined };
  return (await backend.list({ ...page, prefix: stagingRoot as Prefix })).items.map(({ key }) => key);
}

async function unfinished({ backend }: Storage): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { key } of backend.unfinished({ signal: undefined })) found.push(key);
  return found;
}

/** Uploads whose processes are killed, on a service. */
export function abandonedSuite(name: string, start: () => Promise<AbandonedPlace>): void {
  it(`${name}: one sweep leaves nothing of abandoned uploads, and every living one completes`, async () => {
    const { env, open, leftovers = () => [] } = await start();
    const told: string[] = [];
    for (let serial = 0; told.length < uploads; serial++) told.push(...(await beginAndDie(env, serial)));
    const alive = told.filter((line) => line.startsWith("alive")).map((line) => line.split(" "));
    await new Promise((resolve) => setTimeout(resolve, 2100));
    const storage = await open();
    const report = await storage.sweep();
    expect(report.staged).toBeGreaterThanOrEqual(told.length - alive.length);
    expect(await storage.sweep()).toMatchObject({ staged: 0, uploads: 0 });
    for (const [, id = "", key = ""] of alive) {
      expect((await storage.completeUpload(id)).key).toBe(key);
      expect(Buffer.from(await storage.get(key)).toString()).toBe("hello");
    }
    // Uploads in parts have leases of seven days.
    await storage.sweep({ now: inEightDays() });
    const nothing = { staged: 0, uploads: 0, alive: 0, isDryRun: false };
    expect(await storage.sweep({ now: inEightDays() })).toEqual(nothing);
    expect([await stagedKeys(storage), await unfinished(storage), leftovers()]).toEqual([[], [], []]);
    let kept = 0;
    for await (const _key of storage.listAllKeys()) kept += 1;
    expect(kept).toBe(alive.length);
    await storage.close();
  }, 1_800_000);
}
