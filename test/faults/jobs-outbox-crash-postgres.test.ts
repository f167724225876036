import { spawn } from "node:child_process";
import { once } from "node:events";
import { defineJob, easyJobs } from "svc-infra/jobs";
import { easySqlDb } from "svc-infra/sql";
import { expect, it } from "vitest";
import { z } from "zod";
import { outboxTable } from "../jobs/outbox-table.js";
import { startPostgres } from "../rigs/postgres.js";

const rounds = Number(process.env.OUTBOX_ROUNDS ?? 20);
const atOnce = 2;

it(
  "a committed job runs though its process dies right after the commit, and one that was rolled back never",
  async () => {
    const rig = await startPostgres();
    const sql = await easySqlDb({ url: rig.url }, { env: {} });
    await sql.db.execute(outboxTable);
    const seen = new Set<number>();
    const noted = defineJob("noted", z.number(), (number) => void seen.add(number));
    const jobs = await easyJobs({ driver: "postgres", sql, jobs: [noted], outboxPollMs: 20 }, { env: {} });
    try {
      const all = Array.from({ length: rounds }, (_, index) => index + 1);
      const next = all.values();
      await Promise.all(
        Array.from({ length: atOnce }, async () => {
          for (const round of next) expect(await writeAndDie(rig.url, round)).toBe("SIGKILL");
        }),
      );
      await expect.poll(() => seen.size, { timeout: 30_000, interval: 50 }).toBe(rounds);
      expect([...seen].sort((a, b) => a - b)).toEqual(all);
      expect(Object(await sql.db.execute("select id from svc_infra_outbox")).rows).toEqual([]);
    } finally {
      await jobs.close();
      await sql.close();
      await rig.stop();
    }
  },
  60_000 + rounds * 15_000,
);

async function writeAndDie(url: string, round: number): Promise<NodeJS.Signals | null> {
  const env = { PATH: process.env.PATH ?? "", SQL_URL: url };
  const child = spawn(process.execPath, ["test/faults/jobs-outbox-writer.js", `${round}`], {
    env,
    stdio: "inherit",
  });
  const [, signal] = await once(child, "exit");
  return signal;
}
