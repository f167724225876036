// @ts-check
// Events through outbox and signed delivery to one endpoint, from the commit to the last answer, against a bare loop that
// sends the same signed POSTs by the same client: one after another, and as many at once as one endpoint gets. What
// publishing adds to the transactions of its caller is measured apart, and then all of it at once. Last, whether slow, dead
// and refusing endpoints delay six quick ones. Run with: node bench/webhooks.js
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { generateDrizzleJson, generateMigration } from "drizzle-kit/api";
import { sql as statement } from "drizzle-orm";
import { fastify } from "fastify";
import { z } from "zod";
import { addEvents, addJobs, addSqlDb, addWebhooks, defineEvent } from "../dist/index.js";
import * as outboxSchema from "../dist/jobs/outbox/outbox-table.js";
import { ForeignClient } from "../dist/outbound/index.js";
import { postSigned } from "../dist/webhooks/deliveries/post-signed.js";
import * as webhookSchema from "../dist/webhooks/schema.js";
import { startPostgres } from "../test/rigs/postgres.js";

const events = Number(process.env.BENCH_EVENTS ?? 1_000);
const rounds = 3;
/** Attempts at once that one endpoint gets of the 32 of a process. */
const share = 8;
const goal = 0.5;
const counted = defineEvent("order.counted", z.object({ number: z.number() }));

/** A receiver; `answer` decides what it says after the challenge. */
class Receiver {
  received = 0;
  /** @type {(response: import("node:http").ServerResponse) => unknown} */
  answer = (response) => response.writeHead(204).end();
  #server = createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const { type, data } = JSON.parse(Buffer.concat(pieces).toString());
    if (type === "webhook.challenge") {
      response.end(data.challenge);
      return;
    }
    this.received += 1;
    this.answer(response);
  });

  async start() {
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve(undefined)));
    this.port = Object(this.#server.address()).port;
    this.url = `http://127.0.0.1:${this.port}/hook`;
    return this;
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

const rig = await startPostgres();
const receivers = await Promise.all(Array.from({ length: 10 }, () => new Receiver().start()));
const [slow, dead, busy, gone, ...quick] = receivers;
const ports = receivers.map(({ port }) => port ?? 0);
const app = fastify();
const sql = await addSqlDb(app, { url: rig.url, env: {}, autoMigrate: false });
const schema = { ...outboxSchema, ...webhookSchema };
const statements = await generateMigration(generateDrizzleJson({}), generateDrizzleJson(schema));
await sql.withConnection(async (connection) => {
  for (const statement of statements) await connection.run(statement);
  await connection.run("create table orders (number integer not null)");
});
const added = await addEvents(app, { events: [counted] });
await addJobs(app, { driver: "postgres", jobs: [...added.jobs], env: {} });
await addWebhooks(app, { allowPrivateAddresses: true, ports, timeoutMs: 2_000, env: {} });
await app.ready();

try {
  await compareWithLoop();
  await compareWithTroubles();
} finally {
  await app.close();
  for (const receiver of receivers) receiver.stop();
  await rig.stop();
}

async function compareWithLoop() {
  const [one] = quick;
  if (one === undefined) return;
  const secret = await subscribe("one", one);
  /** @type {Record<string, number>[]} */
  const all = [];
  for (let round = 0; round < rounds; round++) {
    const ms = {
      delivery: await deliverAll("one", one),
      loop: await postAll(one, secret, 1),
      loops: await postAll(one, secret, share),
      orders: await inTransactions(addOrder),
      whole: await publishAll("one", [one]),
    };
    console.log(" ", ms);
    all.push(ms);
  }
  /** @param {string} over @param {string} under */
  const ratio = (over, under) => middle(all.map((ms) => (ms[over] ?? 0) / (ms[under] ?? 0)));
  const delivery = ratio("loop", "delivery");
  const figure = (/** @type {number} */ value) => value.toFixed(2);
  console.log(
    `${events} events from the commit to the last answer: ${figure(delivery)} of a bare loop (goal ${goal}), ` +
      `${figure(ratio("loops", "delivery"))} of ${share} at once`,
  );
  console.log(
    `${events} transactions that add an order and publish, until the last answer: ${figure(ratio("loop", "whole"))} of a ` +
      `bare loop; the transactions without publishing take ${figure(ratio("orders", "loop"))} times the loop`,
  );
  if (delivery < goal) process.exitCode = 1;
}

/** @param {import("../dist/sql/index.js").Database} tx @param {number} number */
async function addOrder(tx, number) {
  await tx.execute(statement`insert into orders values (${number})`);
}

/**
 * Milliseconds from the commit of one transaction that publishes every event until the receiver has them.
 *
 * @param {string} tenant
 * @param {Receiver} receiver
 */
async function deliverAll(tenant, receiver) {
  receiver.received = 0;
  await app.db.transaction(async (tx) => {
    for (let number = 0; number < events; number++) {
      await added.publish(tx, counted, { number }, { tenant, subject: `${number}` });
    }
  });
  const startedAt = performance.now();
  while (receiver.received < events) await sleep(5);
  return Math.round(performance.now() - startedAt);
}

/**
 * Milliseconds of as many transactions, eight at the same time.
 *
 * @param {(tx: import("../dist/sql/index.js").Database, number: number) => Promise<unknown>} work
 */
async function inTransactions(work) {
  const startedAt = performance.now();
  const numbers = Array(events).keys();
  const each = async () => {
    for (const number of numbers) await app.db.transaction((tx) => work(tx, number));
  };
  await Promise.all(Array.from({ length: 8 }, each));
  return Math.round(performance.now() - startedAt);
}

async function compareWithTroubles() {
  for (const receiver of quick) await subscribe("calm", receiver);
  const calm = await publishAll("calm", quick);
  for (const receiver of receivers) await subscribe("troubled", receiver);
  if (slow) slow.answer = (response) => sleep(500).then(() => response.writeHead(204).end());
  if (busy) busy.answer = (response) => response.writeHead(429, { "retry-after": "1" }).end();
  if (gone) gone.answer = (response) => response.writeHead(410).end();
  dead?.stop();
  const troubled = await publishAll("troubled", quick);
  const times = troubled / calm;
  console.log(
    `six quick endpoints: ${calm} ms alone, ${troubled} ms beside four in trouble: ${times.toFixed(2)} times (goal 2)`,
  );
  if (times > 2) process.exitCode = 1;
}

/**
 * @param {string} tenant
 * @param {Receiver} receiver
 */
async function subscribe(tenant, { url = "" }) {
  const { subscription, secret } = await app.webhooks.subscriptions.add(tenant, { url, events: ["order.*"] });
  await app.webhooks.prove(tenant, subscription.id);
  return secret;
}

/**
 * Milliseconds until each receiver has every event, each published by a transaction of its own.
 *
 * @param {string} tenant
 * @param {readonly Receiver[]} all
 */
async function publishAll(tenant, all) {
  for (const receiver of all) receiver.received = 0;
  const startedAt = performance.now();
  await inTransactions(async (tx, number) => {
    await addOrder(tx, number);
    await added.publish(tx, counted, { number }, { tenant, subject: `${number}` });
  });
  while (all.some(({ received }) => received < events)) await sleep(5);
  return Math.round(performance.now() - startedAt);
}

/**
 * @param {Receiver} receiver
 * @param {string} secret
 * @param {number} loops
 */
async function postAll({ url = "" }, secret, loops) {
  const client = new ForeignClient({ allowHttp: true, allowPrivateAddresses: true, ports });
  const startedAt = performance.now();
  const numbers = Array(events).keys();
  const post = async () => {
    for (const number of numbers) {
      const body = JSON.stringify({
        type: "order.counted",
        timestamp: new Date().toISOString(),
        data: { number },
      });
      await postSigned(client, { id: `evt_${number}`, url, body, secrets: [secret] });
    }
  };
  await Promise.all(Array.from({ length: loops }, post));
  return Math.round(performance.now() - startedAt);
}

/** @param {readonly number[]} values */
function middle(values) {
  return values.toSorted((a, b) => a - b)[(values.length - 1) / 2] ?? 0;
}
