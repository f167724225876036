import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { freshFolder } from "../storage/local/fresh-store.js";
import { type Expected, note, verify } from "./local-crash-log.js";

const writer = fileURLToPath(new URL("./local-crash-writer.js", import.meta.url));
const rounds = Number(process.env.CRASH_ROUNDS ?? 20);

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
  return note(output, expected);
}
