import { Ajv2020 } from "ajv/dist/2020.js";
import { isNotNull } from "drizzle-orm";
import Fastify, { type FastifyInstance } from "fastify";
import {
  addEvents,
  defineEvent,
  type EventEnvelope,
  type Events,
  onEvent,
  openApiWebhooks,
} from "svc-infra/events";
import { addJobs } from "svc-infra/jobs";
import { addSqlDb, type SqlDb } from "svc-infra/sql";
import { addWebhooks } from "svc-infra/webhooks";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import * as outboxSchema from "#dist/jobs/outbox/outbox-table.js";
import * as webhookSchema from "#dist/webhooks/schema.js";
import { createTables } from "../webhooks/create-tables.js";
import { Endpoint } from "../webhooks/endpoint.js";

const invoicePaid = defineEvent("invoice.paid", z.object({ amount: z.int() }), { version: 2 });
const invoiceSent = defineEvent("invoice.sent", z.object({ at: z.date().optional() }));
const noted = defineEvent("note.made", z.object({ what: z.any() }), { isPublic: false });
const auditDone = defineEvent("audit.done", z.object({ by: z.string() }), { isPublic: false });

let app: FastifyInstance;
let events: Events;
let endpoint: Endpoint;
let heard: EventEnvelope[] = [];
let failures = 0;

beforeAll(async () => {
  app = Fastify();
  endpoint = await Endpoint.start();
  const sql = await addSqlDb(app, { url: "pglite:memory", env: {} });
  await createTables(sql, { ...outboxSchema, ...webhookSchema });
  events = await addEvents(app, {
    events: [invoicePaid, invoiceSent, noted, auditDone],
    consumers: [
      onEvent(invoicePaid, "count-invoices", (event) => {
        if (failures-- > 0) throw new Error("not yet");
        heard.push(event);
      }),
      onEvent(auditDone, "audit", (event) => heard.push(event)),
    ],
  });
  await addJobs(app, { jobs: [...events.jobs], env: {} });
  await addWebhooks(app, { allowPrivateAddresses: true, ports: [endpoint.port], env: {} });
  await app.ready();
  const { subscription, secret } = await app.webhooks.subscriptions.add("acme", {
    url: endpoint.url,
    events: ["*"],
  });
  endpoint.secrets = [secret];
  await app.webhooks.prove("acme", subscription.id);
});

afterAll(async () => {
  await app.close();
  endpoint.stop();
});

beforeEach(() => {
  heard = [];
  failures = 0;
  endpoint.received.splice(0);
});

const about = { tenant: "acme", subject: "invoice/17" };

describe("an event", () => {
  it("of a transaction that commits reaches its consumer and the webhooks, with one id", async () => {
    const id = await app.db.transaction((tx) => events.publish(tx, invoicePaid, { amount: 1 }, about));
    await expect.poll(() => heard.length).toBe(1);
    await expect.poll(() => endpoint.received.length).toBe(1);
    expect(heard[0]).toMatchObject({
      id,
      type: "invoice.paid",
      version: 2,
      tenant: "acme",
      data: { amount: 1 },
    });
    const told = { id, type: "invoice.paid", version: 2, data: { amount: 1 } };
    expect(endpoint.received[0]).toMatchObject(told);
  });

  it("is one row of the outbox in the transaction of the caller", async () => {
    await app.db.transaction(async (tx) => {
      await events.publish(tx, invoicePaid, { amount: 8 }, about);
      expect(await tx.select().from(outboxSchema.outbox)).toHaveLength(1);
    });
    await expect.poll(() => endpoint.received.length).toBe(1);
  });

  it.each([
    ["a field that is undefined", { at: undefined }, {}],
    ["a date", { at: new Date(0) }, { at: "1970-01-01T00:00:00.000Z" }],
  ])("whose data has %s is published as JSON has it", async (_what, data, told) => {
    await app.db.transaction((tx) => events.publish(tx, invoiceSent, data, about));
    await expect.poll(() => endpoint.received.map((each) => each.data)).toEqual([told]);
  });

  it.each([
    ["a set", new Set(["a"])],
    ["a map in a list", [new Map([["a", 1]])]],
    ["a number that is none", { deep: Number.NaN }],
    ["a big integer", 1n],
    ["a function", () => 1],
  ])("whose data has %s is refused, and nothing of it is kept", async (_what, what) => {
    const publishing = app.db.transaction((tx) => events.publish(tx, noted, { what }, about));
    const message = expect.stringMatching(/'\w+' of the event 'note.made' is nothing that JSON can keep/);
    await expect(publishing).rejects.toMatchObject({ code: "event_invalid", message });
    expect(await app.db.select().from(outboxSchema.outbox)).toEqual([]);
  });

  it("of a transaction that is rolled back reaches nothing", async () => {
    const failing = app.db.transaction(async (tx) => {
      await events.publish(tx, invoicePaid, { amount: 2 }, about);
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    await app.db.transaction((tx) => events.publish(tx, invoicePaid, { amount: 3 }, about));
    await expect.poll(() => heard.length).toBe(1);
    await expect.poll(() => endpoint.received.length).toBe(1);
    expect([heard[0]?.data, endpoint.received[0]?.data]).toEqual([{ amount: 3 }, { amount: 3 }]);
  });

  it("that is not public reaches its consumer and no webhook", async () => {
    await app.db.transaction((tx) => events.publish(tx, auditDone, { by: "ann" }, about));
    await app.db.transaction((tx) => events.publish(tx, invoicePaid, { amount: 4 }, about));
    await expect.poll(() => heard.length).toBe(2);
    await expect.poll(() => endpoint.received.length).toBe(1);
    expect(endpoint.received[0]?.type).toBe("invoice.paid");
  });

  it("whose consumer fails is handled at another attempt, and is a row until then", async () => {
    failures = 1;
    await app.db.transaction((tx) => events.publish(tx, invoicePaid, { amount: 5 }, about));
    await expect.poll(() => failures).toBe(0);
    // The process may die here: what it has left to do is in the database, whatever keeps the jobs.
    expect(await app.db.select().from(outboxSchema.outbox)).toMatchObject([
      { job: { name: "count-invoices", payload: { data: { amount: 5 } } } },
    ]);
    await expect.poll(() => heard.length).toBe(1);
    await expect.poll(() => endpoint.received.length).toBe(1);
  });

  it("that cannot be handed on with its batch holds up no other", async () => {
    const dispatch = vi.spyOn(app.webhooks, "dispatchIn").mockRejectedValueOnce(new Error("not now"));
    await app.db.transaction(async (tx) => {
      await events.publish(tx, invoicePaid, { amount: 6 }, about);
      await events.publish(tx, auditDone, { by: "ann" }, { tenant: "acme", subject: "audit" });
    });
    await expect.poll(() => dispatch.mock.calls.length).toBeGreaterThan(1);
    await expect.poll(() => heard.length).toBe(2);
    await expect.poll(() => endpoint.received.length).toBe(1);
    dispatch.mockRestore();
  });

  it("that cannot be handed on holds back the later ones of its subject alone, in their order", async () => {
    const { webhooks } = app;
    const isBad = (data: unknown) => Object(data).amount === 10;
    const handed: unknown[] = [];
    const whole = webhooks.dispatchIn.bind(webhooks);
    const dispatch = vi.spyOn(webhooks, "dispatchIn").mockImplementation(async (tx, told) => {
      if (told.some(({ data }) => isBad(data))) throw new Error("not now");
      handed.push(...told.map(({ data }) => Object(data).amount));
      return whole(tx, told);
    });
    const publish = (amount: number, subject: string) =>
      app.db.transaction((tx) => events.publish(tx, invoicePaid, { amount }, { tenant: "acme", subject }));
    await app.db.transaction(async (tx) => {
      for (const [amount, subject] of [
        [9, "invoice/9"],
        [10, "invoice/1"],
        [11, "invoice/1"],
        [12, "invoice/2"],
      ] as const)
        await events.publish(tx, invoicePaid, { amount }, { tenant: "acme", subject });
    });
    await expect.poll(() => handed).toEqual([9, 12]);
    await publish(13, "invoice/1");
    await publish(14, "invoice/2");
    await expect.poll(() => handed).toEqual([9, 12, 14]);
    dispatch.mockImplementation(async (tx, told) => {
      handed.push(...told.map(({ data }) => Object(data).amount));
      return whole(tx, told);
    });
    await app.db
      .update(outboxSchema.outbox)
      .set({ retryAt: new Date(0) })
      .where(isNotNull(outboxSchema.outbox.retryAt));
    await expect.poll(() => handed).toEqual([9, 12, 14, 10, 11, 13]);
    dispatch.mockRestore();
    await expect.poll(() => heard.length).toBe(6);
  });

  it("whose data breaks the schema, or that nothing defines, is refused", async () => {
    const wrong = { amount: "much" } as unknown as { amount: number };
    await expect(events.publish(app.db, invoicePaid, wrong, about)).rejects.toMatchObject({
      code: "event_invalid",
    });
    const unknown = defineEvent("invoice.lost", z.object({}));
    await expect(events.publish(app.db, unknown, {}, about)).rejects.toMatchObject({ code: "event_unknown" });
  });
});

it.each(["Invoice.paid", "paid", "invoice.", ".paid", "invoice paid.x", "a..b"])(
  "the type %s is refused when it is defined",
  (type) => {
    expect(() => defineEvent(type, z.object({}))).toThrow(TypeError);
  },
);

it("an OpenAPI document names each public event and its data", () => {
  const webhooks = openApiWebhooks(events.definitions);
  expect(Object.keys(webhooks)).toEqual(["invoice.paid", "invoice.sent"]);
  const document = JSON.stringify(webhooks);
  expect(document).toContain('"amount":{"type":"integer"');
  expect(document).toContain('"version":{"type":"number","const":2}');
});

it("an OpenAPI document resolves what the schemas of events name and repeat", () => {
  const line = z.object({ amount: z.int() }).meta({ id: "Line" });
  const tree = z.object({
    line,
    get further() {
      return z.array(tree);
    },
  });
  const made = defineEvent("invoice.made", z.object({ line, tree }));
  const { post } = Object(openApiWebhooks([made])["invoice.made"]);
  const { schema } = post.requestBody.content["application/json"];
  const isValid = new Ajv2020({ strict: false, formats: { "date-time": true } }).compile({
    $id: "urn:test:document",
    properties: { message: schema },
  });
  const message = (amount: unknown) => ({
    type: "invoice.made",
    version: 1,
    timestamp: "2026-01-01T00:00:00Z",
    data: {
      line: { amount: 1 },
      tree: { line: { amount: 1 }, further: [{ line: { amount }, further: [] }] },
    },
  });
  expect([1, "much"].map((amount) => isValid({ message: message(amount) }))).toEqual([true, false]);
});

it.each([
  ["warns", {}, 1],
  ["is content where it says that there are none", { webhooks: false }, 0],
] as const)("a process without webhooks whose events are public %s", async (_what, option, count) => {
  const lines: string[] = [];
  const other = Fastify({ logger: { level: "warn", stream: { write: (line: string) => lines.push(line) } } });
  await addEvents(other, { events: [invoicePaid, auditDone], ...option });
  await other.ready();
  expect(lines.filter((line) => /"types":\["invoice\.paid"\].*addWebhooks/.test(line))).toHaveLength(count);
  await other.close();
});

it.each([
  ["warns", 1],
  ["is content when they are given to addJobs", 0],
])("a process whose jobs do not relay its events %s", async (_what, count) => {
  const lines: string[] = [];
  const other = Fastify({ logger: { level: "warn", stream: { write: (line: string) => lines.push(line) } } });
  const added = await addEvents(other, { events: [auditDone] });
  await addJobs(other, { jobs: count === 0 ? [...added.jobs] : [], env: {} });
  await other.ready();
  expect(lines.filter((line) => line.includes("...events.jobs"))).toHaveLength(count);
  await other.close();
});

it("an event that only a newer process knows waits for it in the outbox, and events of other subjects go on", async () => {
  const created = defineEvent("order.created", z.object({}));
  const newer = Fastify();
  newer.decorate<SqlDb>("sql", app.sql).decorate("db", app.db);
  const heardByNewer: EventEnvelope[] = [];
  const newerEvents = await addEvents(newer, {
    events: [invoicePaid, created],
    consumers: [onEvent(created, "orders", (event) => heardByNewer.push(event))],
    webhooks: false,
  });
  await addJobs(newer, { jobs: [...newerEvents.jobs], env: {} });
  const id = await newerEvents.publish(app.db, created, {}, { tenant: "acme", subject: "order/1" });
  await events.publish(app.db, invoicePaid, { amount: 7 }, about);
  await expect.poll(() => heard.length).toBe(1);
  const row = () => app.db.select().from(outboxSchema.outbox);
  await expect
    .poll(row)
    .toMatchObject([
      { failedAttempts: 1, error: expect.stringContaining("'order.created'"), job: { payload: { id } } },
    ]);
  await newer.ready();
  await app.jobs.close();
  await app.db.update(outboxSchema.outbox).set({ retryAt: new Date(0) });
  await expect.poll(() => heardByNewer.map((event) => event.id)).toEqual([id]);
  await newer.close();
});

it("a consumer is tried for days, or as its options say", () => {
  const { job } = onEvent(invoicePaid, "patient", () => undefined);
  // The waits double from a second, which is what jobs do by default.
  expect(2 ** ((job.attempts ?? 0) - 1) - 1).toBeGreaterThan(2 * 86_400);
  expect(job.backoff).toBeUndefined();
  const backoff = { type: "fixed", delayMs: 10 } as const;
  const own = onEvent(invoicePaid, "hasty", () => undefined, { attempts: 2, backoff });
  expect(own.job).toMatchObject({ attempts: 2, backoff });
});
