// @ts-check
// Handles jobs until it is killed. A handler that begins and one that ends each write a line into the file HANDLED.
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { defineJob, easyJobs } from "svc-infra/jobs";
import { easySqlDb } from "svc-infra/sql";
import { z } from "zod";

const { SQL_URL, HANDLED = "", WORK_MS } = process.env;
const payload = z.object({ number: z.number(), ms: z.number(), error: z.string().optional() });
const work = defineJob("work", payload, async ({ number, ms, error }) => {
  appendFileSync(HANDLED, `began ${number}\n`);
  await sleep(Number(WORK_MS ?? ms));
  if (error !== undefined) throw new Error(error);
  appendFileSync(HANDLED, `ended ${number}\n`);
});
const sql = SQL_URL === undefined ? undefined : await easySqlDb();
await easyJobs({ jobs: [work], sql });
