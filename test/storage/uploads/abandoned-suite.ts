import { fork } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as after } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Key, Prefix, Storage } from "svc-infra/storage";
import { expect, it } from "vitest";
import { stagingRoot } from "#dist/storage/contract/key.js";
import { parseStaged } from "#dist/storage/uploads/staging.js";

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
  readonly leftovers: () => Promise<readonly string[]>;
}

function startProcess(env: AbandonedPlace["env"], words: readonly string[]) {
  const child = fork(script, words, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  return { child, lines: createInterface({ input: child.stdout ?? process.stdin }) };
}

/** Lets a process begin some uploads and kills it amid one; those that it told of. */
async function beginAndDie(env: AbandonedPlace["env"], serial: number): Promise<readonly string[]> {
  const { child, lines: said } = startProcess(env, [String(serial)]);
  const lines: string[] = [];
  for await (const line of said) if (lines.push(line) === perProcess) child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  expect(lines.length).toBeGreaterThanOrEqual(perProcess);
  return lines;
}

/** A process with uploads that it has begun and completes when it is told to. */
async function startLiving(env: AbandonedPlace["env"], serial: number) {
  const { child, lines } = startProcess(env, [String(serial), "living"]);
  const completed: string[] = [];
  let isBegun = false;
  lines.on("line", (line) => {
    if (line === "begun") isBegun = true;
    else completed.push(line);
  });
  const ended = once(child, "exit");
  await expect.poll(() => isBegun || child.exitCode !== null, { timeout: 120_000 }).toBe(true);
  return {
    complete: async () => {
      child.send("complete");
      expect(await ended).toEqual([0, null]);
      return completed;
    },
  };
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

async function startOf(storage: Storage, key: string): Promise<string> {
  return Buffer.from((await storage.get(key)).subarray(0, 5)).toString();
}

/** Uploads whose processes are killed, on a service. */
export function abandonedSuite(name: string, start: () => Promise<AbandonedPlace>): void {
  it(`${name}: one sweep leaves nothing of abandoned uploads, and every living one completes`, async () => {
    const { env, open, leftovers } = await start();
    const told: string[] = [];
    for (let serial = 0; told.length < uploads; serial++) told.push(...(await beginAndDie(env, serial)));
    const alive = told.filter((line) => line.startsWith("alive")).map((line) => line.split(" "));
    const living = await Promise.all([1, 2].map((serial) => startLiving(env, serial)));
    await after(2100);
    const storage = await open();
    const now = new Date();
    const report = await storage.sweep({ now });
    const isOver = (key: string) => (parseStaged(key as Key)?.endsAt ?? now) <= now;
    expect((await stagedKeys(storage)).filter(isOver)).toEqual([]);
    expect(report.staged).toBeGreaterThanOrEqual(told.length - alive.length);
    expect(await storage.sweep()).toMatchObject({ staged: 0, uploads: 0 });
    // Beside sweep after sweep the processes that are left complete what they began.
    const completing = Promise.all(living.map(({ complete }) => complete()));
    let areComplete = false;
    void completing
      .catch(() => undefined)
      .then(() => {
        areComplete = true;
      });
    while (!areComplete) expect(await storage.sweep()).toMatchObject({ staged: 0, uploads: 0 });
    const completed = (await completing).flat();
    expect(completed).toHaveLength(storage.backend.capabilities.direct === "parts" ? 18 : 16);
    for (const key of completed) expect(await startOf(storage, key)).toBe("hello");
    for (const [, id = "", key = "", size] of alive) {
      expect(await storage.completeUpload(id)).toMatchObject({ key, size: Number(size) });
      expect(await startOf(storage, key)).toBe("hello");
    }
    // Uploads in parts have leases of seven days.
    await storage.sweep({ now: inEightDays() });
    const nothing = { staged: 0, uploads: 0, alive: 0, isDryRun: false };
    expect(await storage.sweep({ now: inEightDays() })).toEqual(nothing);
    expect([await stagedKeys(storage), await unfinished(storage), await leftovers()]).toEqual([[], [], []]);
    let kept = 0;
    for await (const _key of storage.listAllKeys()) kept += 1;
    expect(kept).toBe(alive.length + completed.length);
    await storage.close();
  }, 1_800_000);
}
