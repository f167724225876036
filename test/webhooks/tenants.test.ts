import { randomInt } from "node:crypto";
import { desc } from "drizzle-orm";
import Fastify, { type FastifyInstance } from "fastify";
import { addSqlDb, type SqlDb } from "svc-infra/sql";
import { addWebhooks } from "svc-infra/webhooks";
import { afterAll, beforeAll, expect, it } from "vitest";
import * as schema from "#dist/webhooks/schema.js";
import { createTables } from "./create-tables.js";
import { Endpoint } from "./endpoint.js";

const operations = Number(process.env.TENANT_OPERATIONS ?? 150);
const tenants = ["acme", "bolt", "coop"] as const;

type Tenant = (typeof tenants)[number];

let app: FastifyInstance;
const endpoints = new Map<Tenant, Endpoint>();
let sql: SqlDb;
/** Whose each subscription and delivery is: told by who added the one, and by the event in the other. */
const ownerOf = new Map<string, Tenant>();

beforeAll(async () => {
  app = Fastify();
  sql = await addSqlDb(app, { url: "pglite:memory", env: {} });
  await createTables(sql, schema);
  for (const tenant of tenants) {
    const endpoint = await Endpoint.start();
    endpoint.answer = (response) => response.writeHead(randomInt(4) === 0 ? 500 : 200).end(`of ${tenant}`);
    endpoints.set(tenant, endpoint);
  }
  await addWebhooks(app, {
    authorize: async ({ headers }) => ({ tenant: String(headers.authorization) }),
    allowPrivateAddresses: true,
    env: {},
  });
  await app.ready();
  for (const tenant of tenants) {
    const url = endpoints.get(tenant)?.url ?? "";
    const { subscription } = await app.webhooks.subscriptions.add(tenant, { url, events: ["*"] });
    ownerOf.set(subscription.id, tenant);
    await app.webhooks.prove(tenant, subscription.id);
    await publish(tenant, 0);
  }
});

afterAll(async () => {
  await app.close();
  for (const endpoint of endpoints.values()) endpoint.stop();
});

function oneOf<T>(items: readonly T[]): T {
  return items[randomInt(items.length)] as T;
}

/** Ids of all tenants; most were never told to the one that asks. */
function anyId(kind: "whsub" | "whdel"): string {
  const known = [...ownerOf.keys()].filter((id) => id.startsWith(kind));
  return known.length === 0 ? `${kind}_none` : oneOf(known.slice(-60));
}

/** What a tenant does; half of the ids that it names are of others. */
const actions: readonly ((tenant: Tenant, number: number) => Promise<unknown>)[] = [
  (tenant) =>
    ask(tenant, "POST", "/subscriptions", { url: endpoints.get(tenant)?.url, events: [oneOf(["*", "a.*"])] }),
  (tenant) => ask(tenant, "POST", `/subscriptions/${anyId("whsub")}/prove`),
  (tenant) => ask(tenant, "POST", `/subscriptions/${anyId("whsub")}/prove`),
  (tenant) => ask(tenant, "PATCH", `/subscriptions/${anyId("whsub")}`, { isPaused: randomInt(2) === 0 }),
  (tenant) => ask(tenant, "PATCH", `/subscriptions/${anyId("whsub")}`, { description: `by ${tenant}` }),
  async (tenant) => {
    // Most stay, so that there is something to see.
    if (randomInt(3) === 0) await ask(tenant, "DELETE", `/subscriptions/${anyId("whsub")}`);
  },
  (tenant) => ask(tenant, "POST", `/subscriptions/${anyId("whsub")}/rotate`),
  (tenant) => ask(tenant, "POST", `/subscriptions/${anyId("whsub")}/test`),
  (tenant) =>
    ask(tenant, "POST", `/subscriptions/${anyId("whsub")}/redeliver`, { since: new Date(0).toISOString() }),
  (tenant) => ask(tenant, "GET", "/subscriptions"),
  (tenant) => ask(tenant, "GET", `/deliveries?subscription=${anyId("whsub")}`),
  (tenant) => ask(tenant, "GET", "/deliveries"),
  (tenant) => ask(tenant, "GET", `/deliveries/${anyId("whdel")}`),
  (tenant) => ask(tenant, "POST", `/deliveries/${anyId("whdel")}/redeliver`),
  publish,
  publish,
];

/** Learns whose the newest deliveries are. A test event holds no data: it is of the tenant that added its subscription. */
async function learnOwners(): Promise<void> {
  const { webhookDeliveries } = schema;
  const rows = await sql.db
    .select()
    .from(webhookDeliveries)
    .orderBy(desc(webhookDeliveries.createdAt))
    .limit(300);
  for (const { id, body, subscription } of rows) {
    const told = Object(JSON.parse(body).data).secret?.replace("of ", "");
    const owner = told ?? ownerOf.get(subscription);
    if (owner !== undefined && !ownerOf.has(id)) ownerOf.set(id, owner);
  }
}

async function publish(tenant: Tenant, number: number): Promise<void> {
  // The same id may be given by two tenants, and is two events.
  const id = `evt_${randomInt(3) === 0 ? "shared" : tenant}_${number % 50}`;
  const data = { secret: `of ${tenant}` };
  await app.webhooks.dispatch({ id, type: "a.b", tenant, occurredAt: new Date(), data });
}

/** Asks as a tenant, and looks for anything of another one in the answer. */
async function ask(
  tenant: Tenant,
  method: "GET" | "POST" | "PATCH" | "DELETE",
  path: string,
  payload?: object,
): Promise<void> {
  await learnOwners();
  const { statusCode, body } = await app.inject({
    method,
    url: `/_webhooks${path}`,
    headers: { authorization: tenant },
    ...(payload === undefined ? {} : { payload }),
  });
  const what = `${tenant}: ${method} ${path}: ${statusCode} ${body}`;
  const [, named] = /(wh(?:sub|del)_[\w-]+)/.exec(path) ?? [];
  const owner = ownerOf.get(named ?? "");
  const isList = path.startsWith("/deliveries?");
  if (owner !== undefined && owner !== tenant && !isList) expect(statusCode, what).toBe(404);
  if (method === "POST" && path === "/subscriptions" && statusCode === 201) {
    ownerOf.set(JSON.parse(body).subscription.id, tenant);
  }
  await learnOwners();
  // The caller named this id itself.
  expectOwn(tenant, body.replaceAll(named ?? "\n", ""), what);
}

function expectOwn(tenant: Tenant, body: string, what: string): void {
  for (const [id] of body.matchAll(/wh(?:sub|del)_[\w-]+/g)) {
    expect(ownerOf.get(id), what).toBe(tenant);
  }
  for (const other of tenants.filter((each) => each !== tenant)) {
    expect(body, what).not.toContain(`of ${other}`);
    expect(body, what).not.toContain(`by ${other}`);
    expect(body, what).not.toContain(`evt_${other}`);
    expect(body, what).not.toContain(endpoints.get(other)?.url);
  }
}

it(
  `after ${operations} operations no tenant saw anything of another, in deliveries, logs or redeliveries`,
  async () => {
    for (let number = 0; number < operations; number += 1) await oneOf(actions)(oneOf(tenants), number);
    for (const tenant of tenants) {
      const received = endpoints.get(tenant)?.received ?? [];
      await expect.poll(() => received.length).toBeGreaterThan(0);
      const events = received.filter(({ type }) => type === "a.b");
      expect(events.map(({ data }) => Object(data).secret)).toEqual(events.map(() => `of ${tenant}`));
    }
    expect(new Set(ownerOf.values()).size).toBe(tenants.length);
  },
  120_000 + operations * 600,
);
