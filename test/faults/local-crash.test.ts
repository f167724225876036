import { spawn } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { StorageError } from "svc-infra/storage";
import { expect, it } from "vitest";
import { freshFolder, storageOn } from "../storage/local/fresh-store.js";

const writer = fileURLToPath(new URL("./local-crash-writer.js", import.meta.url));
const rounds = Number(process.env.CRASH_ROUNDS ?? 20);
const nothing = "nothing";

/** What may be found at a key: the last state that was acknowledged, or the one that was asked for since. */
type Expected = Map<string, { acknowledged: string; asked: string | undefined }>;

it(
  `kill -9 amid writes leaves whole objects and every acknowledged one (${rounds} rounds)`,
  async () => {
    const base = await freshFolder();
    const expected: Expected = new Map();
    let acknowledged = 0;
    for (let round = 0; round < rounds; round++) {
      const durability = round % 2 === 0 ? "fast" : "full";
      acknowledged += await crash(base, durability, round, expected);
      await verify(base, expected);
    }
    expect(acknowledged).toBeGreaterThan(rounds * 5);
  },
  rounds * 5000 + 30_000,
);

async function crash(base: string, durability: string, round: number, expected: Expected): Promise<number> {
  const child = spawn(process.execPath, [writer, base, durability, String(round)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (output === "") setTimeout(() => child.kill("SIGKILL"), 10 + Math.random() * 150);
    output += text;
  });
  const signal = await new Promise((resolve) => child.on("close", (_code, by) => resolve(by)));
  expect(signal).toBe("SIGKILL");
  const lines = output.split("\n").slice(0, -1);
  for (const line of lines) note(line.split(" "), expected);
  return lines.filter((line) => line.startsWith("end")).length;
}

function note([word = "", ...rest]: readonly string[], expected: Expected): void {
  if (word === "begin") {
    const [verb = "", key = "", token = ""] = rest;
    const before = expected.get(key)?.acknowledged ?? nothing;
    expected.set(key, { acknowledged: before, asked: verb === "put" ? token : nothing });
  } else {
    const [key = ""] = rest;
    expected.set(key, { acknowledged: expected.get(key)?.asked ?? nothing, asked: undefined });
  }
}

async function verify(base: string, expected: Expected): Promise<void> {
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
  expect(await readdir(join(base, ".svc-infra/tmp"))).toEqual([]);
  expect(await writtenIn(join(base, ".svc-infra/pending"))).toEqual([]);
  await storage.close();
}

/** A lock whose holder was killed before it wrote its name stays for two seconds, in which nobody can judge it. */
async function writtenIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return names.filter((_, index) => sizes[index] !== 0);
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
