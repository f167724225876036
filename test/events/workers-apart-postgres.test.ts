import Fastify from "fastify";
import { addEvents, defineEvent, onEvent } from "svc-infra/events";
import { addJobs, defineJob, easyJobs } from "svc-infra/jobs";
import { addSqlDb, easySqlDb } from "svc-infra/sql";
import { expect, it } from "vitest";
import { z } from "zod";
import * as outboxSchema from "#dist/jobs/outbox/outbox-table.js";
import { startPostgres } from "../rigs/postgres.js";
import { createTables } from "../webhooks/create-tables.js";

const soon = { timeout: 60_000 };
const invoicePaid = defineEvent("invoice.paid", z.object({}));

it("a worker without events leaves them, and what follows them in their key, to the process that has them", async () => {
  const rig = await startPostgres();
  const app = Fastify();
  await createTables(await addSqlDb(app, { url: rig.url, env: {} }), outboxSchema);
  const seen: string[] = [];
  const consumer = onEvent(invoicePaid, "thank", () => seen.push("thanked"));
  const note = defineJob("note", z.string(), (text) => void seen.push(text));
  const events = await addEvents(app, { events: [invoicePaid], consumers: [consumer], webhooks: false });
  const { queue } = await addJobs(app, { jobs: [...events.jobs], env: { JOBS_WORK: "false" } });
  // As `svc-infra jobs run` opens the jobs of its module.
  const sql = await easySqlDb({ url: rig.url }, { env: {} });
  const worker = await easyJobs({ sql, jobs: [consumer.job, note], outboxPollMs: 20 }, { env: {} });
  try {
    // The app is not ready, so the worker alone relays.
    await app.db.transaction(async (tx) => {
      await events.publish(tx, invoicePaid, {}, { tenant: "acme", subject: "17" });
      await queue.enqueueIn(tx, note, "behind the event", { key: "acme/17" });
      await queue.enqueueIn(tx, note, "of another key", { key: "acme/18" });
      await queue.enqueueIn(tx, note, "of no key");
    });
    await expect.poll(() => [...seen].sort(), soon).toEqual(["of another key", "of no key"]);
    const left = () => app.db.select().from(outboxSchema.outbox).orderBy(outboxSchema.outbox.position);
    const names = async () => (await left()).map(({ job }) => job.name);
    await expect.poll(names, soon).toEqual(["svc-infra.event", "note"]);
    await app.ready();
    await expect.poll(() => seen.slice(2).sort(), soon).toEqual(["behind the event", "thanked"]);
    await expect.poll(left, soon).toEqual([]);
    expect(await queue.list("dead")).toEqual([]);
  } finally {
    await worker.close();
    await sql.close();
    await app.close();
    await rig.stop();
  }
});
