import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { freshFolder, storageOn, textOf } from "../storage/local/fresh-store.js";

const writer = fileURLToPath(new URL("./local-model-writer.js", import.meta.url));
const run = promisify(execFile);
/** `MODEL_OPERATIONS=100000` for the long run; half of them by each process. */
const operations = Number(process.env.MODEL_OPERATIONS ?? 2000);
const counters = [0, 1, 2].map((number) => `shared/counter${number}`);

it.each(["fast", "full"])(
  `${operations} operations of two processes on one folder do what they do to a map, with durability %s`,
  async (durability) => {
    const base = await freshFolder();
    const storage = storageOn(base);
    for (const key of counters) await storage.put(key, "0");
    const args = [String(operations / 2), durability];
    const writers = ["x", "y"].map((name) => run(process.execPath, [writer, base, name, ...args]));
    const counted = (await Promise.all(writers)).map(({ stdout }) => JSON.parse(stdout));
    for (const key of counters) {
      const sum = counted.reduce((total, { [key]: times = 0 }) => total + times, 0);
      expect(await textOf(storage.get(key)), key).toBe(String(sum));
    }
    for (const folder of ["pending", "tmp"])
      expect(await readdir(join(base, ".svc-infra", folder))).toEqual([]);
  },
  operations * 60 + 60_000,
);
