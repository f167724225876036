// @ts-check
// Enqueues a job in a transaction that it rolls back and one in a transaction that it commits, and dies right after that.
// Its own queue is in memory: the row of the outbox is the same for every driver, and the process starts sooner.
import { defineJob, easyJobs } from "svc-infra/jobs";
import { easySqlDb } from "svc-infra/sql";
import { z } from "zod";

const round = Number(process.argv[2]);
const noted = defineJob("noted", z.number(), () => undefined);
const sql = await easySqlDb();
const { queue } = await easyJobs({ driver: "memory", sql, outboxPollMs: 2 ** 31 - 1 });
const rolledBack = sql.db.transaction(async (tx) => {
  await queue.enqueueIn(tx, noted, -round);
  throw new Error("rolled back");
});
await rolledBack.catch(() => undefined);
await sql.db.transaction(async (tx) => void (await queue.enqueueIn(tx, noted, round)));
process.kill(process.pid, "SIGKILL");
