import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { freshFolder } from "../storage/local/fresh-store.js";
import { type Expected, note, verify } from "./local-crash-log.js";

const writer = fileURLToPath(new URL("./local-crash-writer.js", import.meta.url));
const rounds = Number(process.env.CRASH_ROUNDS ?? 20);
const acknowledgedAtLeast = 6;

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
    expect(acknowledged).toBeGreaterThanOrEqual(rounds * acknowledgedAtLeast);
  },
  rounds * 5000 + 300_000,
);

const acknowledgements = (output: string): number => output.match(/^end /gm)?.length ?? 0;

async function crash(base: string, durability: string, round: number, expected: Expected): Promise<number> {
  const child = spawn(process.execPath, [writer, base, durability, String(round)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  // By what was acknowledged and not by time, so that a busy machine has as much to lose.
  const enough = acknowledgedAtLeast + Math.random() * 60;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const had = acknowledgements(output);
    output += text;
    if (had < enough && acknowledgements(output) >= enough) {
      setTimeout(() => child.kill("SIGKILL"), Math.random() * 20);
    }
  });
  const signal = await new Promise((resolve) => child.on("close", (_code, by) => resolve(by)));
  expect(signal).toBe("SIGKILL");
  return note(output, expected);
}
