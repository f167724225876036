import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { expect } from "vitest";
import type { CommandLine, Outcome, RunningCommand } from "./command-line.js";

/** Objects that are copied under SIGKILL. */
export const copiedObjects: number = Number(process.env.COPIED_OBJECTS ?? 600);

/** Waits until so many objects are in a journal; the newest one of the folder unless it is named. */
export async function noted(
  cli: CommandLine,
  count: number,
  running: RunningCommand,
  journal?: string,
): Promise<void> {
  let isOver = false;
  running.outcome.then(() => {
    isOver = true;
  });
  for (;;) {
    if (notedKeys(cli, journal) >= count) return;
    if (isOver)
      throw new Error(
        `the copy ended before it had noted ${count} objects: ${(await running.outcome).stderr}`,
      );
    await after(2);
  }
}

function notedKeys({ folder }: CommandLine, journal: string | undefined): number {
  const journals = join(folder, ".data/copy");
  const path = journal ?? join(journals, (existsSync(journals) ? readdirSync(journals) : [])[0] ?? "none");
  const text = existsSync(join(path)) ? readFileSync(path, "utf8") : "";
  return new Set(text.match(/(?<="key":)"[^"]+"/g)).size;
}

/** How a copy ended, by its own numbers. */
export function summaryOf({ stdout }: Outcome): {
  readonly copied: number;
  readonly there: number;
  readonly failed: number;
} {
  const line = /^(\d+) copied \(\d+ bytes\), (\d+) already there \(\d+ bytes\), (\d+) failed/m.exec(stdout);
  const [, copied = -1, there = -1, failed = -1] = (line ?? []).map(Number);
  return { copied, there, failed };
}

/**
 * Kills a copy twice on its way and lets it end then.
 *
 * @param start - begins it, again and again.
 * @returns how the last one ended.
 */
export async function copyWithKills(
  cli: CommandLine,
  journal: string,
  start: () => RunningCommand,
): Promise<Outcome> {
  for (const share of [0.2, 0.6]) {
    const running = start();
    await noted(cli, copiedObjects * share, running, journal);
    await running.stop("SIGKILL");
  }
  const outcome = await start().outcome;
  expect(outcome.stderr).not.toMatch(/\n\s+at /);
  const { copied, there, failed } = summaryOf(outcome);
  expect([copied + there, failed, outcome.code]).toEqual([copiedObjects, 0, 0]);
  expect(there).toBeGreaterThanOrEqual(copiedObjects * 0.6);
  expect(copied).toBeGreaterThan(0);
  return outcome;
}
