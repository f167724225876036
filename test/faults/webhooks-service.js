// @ts-check
// Relays events and delivers webhooks; with the role `service` it also publishes numbered events, each with a row of its
// own in the table `orders`, until there are COUNT of them. Between them it rolls back events with negative numbers.
import { sql } from "drizzle-orm";
import Fastify from "fastify";
import { addEvents, defineEvent } from "svc-infra/events";
import { addJobs } from "svc-infra/jobs";
import { addSqlDb } from "svc-infra/sql";
import { addWebhooks } from "svc-infra/webhooks";
import { z } from "zod";

const { ROLE, COUNT, PORTS = "" } = process.env;
const ports = PORTS.split(",").map(Number);
const app = Fastify();
const { db } = await addSqlDb(app, { autoMigrate: false, health: false });
const counted = defineEvent("order.counted", z.object({ number: z.number() }));
const events = await addEvents(app, { events: [counted] });
await addJobs(app, { driver: "postgres", jobs: [...events.jobs], outboxPollMs: 50, health: false });
await addWebhooks(app, { allowPrivateAddresses: true, ports, timeoutMs: 3_000 });
await app.ready();
if (ROLE === "service") await publish();

async function publish() {
  const counting = await db.execute(sql`select coalesce(max(number), 0)::int as last from orders`);
  for (let number = Object(counting).rows[0].last + 1; number <= Number(COUNT); number++) {
    if (number % 5 === 0) await publishOne(-number, true).catch(() => undefined);
    await publishOne(number, false);
  }
}

/**
 * @param {number} number
 * @param {boolean} isUndone
 */
function publishOne(number, isUndone) {
  return db.transaction(async (tx) => {
    await tx.execute(sql`insert into orders values (${number})`);
    await events.publish(tx, counted, { number }, { tenant: "acme", subject: `order/${number % 10}` });
    if (isUndone) throw new Error("rolled back");
  });
}
