import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { StorageError } from "svc-infra/storage";
import { expect } from "vitest";
import { parseLock } from "#dist/storage/backends/local/record/record.js";
import { storageOn } from "../storage/local/fresh-store.js";

const nothing = "nothing";
const soon = { timeout: 30_000, interval: 20 };

/** What may be found at a key: the last state that was acknowledged, or the one that was asked for since. */
export type Expected = Map<string, { acknowledged: string; asked: string | undefined }>;

/** Notes what a writer said until it was stopped, and how many of its changes were acknowledged. */
export function note(output: string, expected: Expected): number {
  const lines = output.split("\n").slice(0, -1);
  for (const line of lines) noteLine(line.split(" "), expected);
  return lines.filter((line) => line.startsWith("end")).length;
}

function noteLine([word = "", ...rest]: readonly string[], expected: Expected): void {
  if (word === "begin") {
    const [verb = "", key = "", token = ""] = rest;
    const before = expected.get(key)?.acknowledged ?? nothing;
    expected.set(key, { acknowledged: before, asked: verb === "put" ? token : nothing });
  } else {
    const [key = ""] = rest;
    expected.set(key, { acknowledged: expected.get(key)?.asked ?? nothing, asked: undefined });
  }
}

/** Everything that was acknowledged is there, whole and with its own metadata, and nothing else. */
export async function verify(base: string, expected: Expected): Promise<void> {
  const storage = storageOn(base);
  const listed = new Set(await storage.listKeys({ limit: 1000 }));
  for (const [key, state] of expected) {
    const found = await stateOf(storage, key);
    expect([state.acknowledged, state.asked]).toContain(found);
    expect(listed.has(key)).toBe(found !== nothing);
    expected.set(key, { acknowledged: found, asked: undefined });
    listed.delete(key);
  }
  expect([...listed]).toEqual([]);
  // Opening waits 250 ms for what the dead left to be cleared away; on a busy machine the rest is cleared after it.
  await expect.poll(() => readdir(join(base, ".svc-infra/tmp")), soon).toEqual([]);
  await expect.poll(() => namedLocks(join(base, ".svc-infra/pending")), soon).toEqual([]);
  await storage.close();
}

/**
 * Locks that name their holder. One that does not, because its writer was killed before or its bytes never reached the
 * disk, stays for two seconds, in which nobody can judge it.
 */
async function namedLocks(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  return names.filter((_, index) => parseLock(texts[index] ?? "") !== undefined);
}

async function stateOf(storage: ReturnType<typeof storageOn>, key: string): Promise<string> {
  try {
    const { metadata, contentType, body } = await storage.open(key);
    const text = Buffer.from(await body.bytes()).toString();
    const token = String(metadata.token);
    expect(contentType).toBe("text/x-crash");
    expect(text.length).toBe(Number(metadata.length));
    expect(text.replaceAll(`${token} `, "")).toBe("");
    return token;
  } catch (error) {
    if (error instanceof StorageError && error.code === "not_found") return nothing;
    throw error;
  }
}
