import { randomInt, randomUUID } from "node:crypto";
import Fastify, { type FastifyInstance } from "fastify";
import { addJobs } from "svc-infra/jobs";
import { type AddedPayments, addPayments, getPayments } from "svc-infra/payments";
import { addSqlDb } from "svc-infra/sql";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as outboxSchema from "#dist/jobs/outbox/outbox-table.js";
import * as schema from "#dist/payments/schema.js";
import { StripeDouble } from "../rigs/stripe-double.js";
import { createTables } from "../webhooks/create-tables.js";

type Plan = "pro" | "team";

const account = { key: "sk_test_of_this_test", webhookSecret: "whsec_of_this_test" };
const plans = { pro: "price_pro", team: "price_team" };

let app: FastifyInstance;
let stripe: StripeDouble;
let payments: AddedPayments<Plan>["payments"];
let tenant: string;

beforeAll(async () => {
  stripe = await new StripeDouble(account).start();
  app = Fastify();
  const sql = await addSqlDb(app, { url: "pglite:memory", env: {} });
  await createTables(sql, { ...schema, ...outboxSchema });
  const added = await addPayments(app, {
    plans,
    secretKey: account.key,
    webhookSecret: account.webhookSecret,
    apiUrl: stripe.url,
    env: {},
  });
  payments = added.payments;
  await addJobs(app, { jobs: [...added.jobs], env: {} });
  await app.ready();
});

afterAll(async () => {
  await app.close();
  stripe.stop();
});

beforeEach(() => {
  tenant = `tenant-${randomUUID()}`;
  stripe.fate = () => "give";
});

const urls = { successUrl: "https://example.com/yes", cancelUrl: "https://example.com/no" };

function post({ body, headers }: { body: string; headers: Record<string, string> }) {
  return app.inject({ method: "POST", url: "/_webhooks/stripe", headers, payload: body });
}

describe("a tenant", () => {
  it("has one customer, however many calls ask for it at once", async () => {
    const before = stripe.customers.size;
    const customers = await Promise.all(Array.from({ length: 10 }, () => payments.customerOf(tenant)));
    expect(new Set(customers).size).toBe(1);
    expect(stripe.customers.size).toBe(before + 1);
    expect(stripe.customers.get(customers[0] ?? "")?.tenant).toBe(tenant);
  });

  it("that pays is entitled to its plan, and to no other", async () => {
    const { url } = await payments.checkout(tenant, { plan: "pro", ...urls, idempotencyKey: "order-1" });
    expect(url).toMatch(/^https:\/\/checkout\.stripe\.com\//);
    expect(stripe.sessions.at(-1)?.price).toBe("price_pro");
    expect(await payments.isEntitled(tenant, "pro")).toBe(false);
    const subscription = stripe.subscribe(await payments.customerOf(tenant), "price_pro");
    expect((await post(stripe.event(subscription))).statusCode).toBe(204);
    await expect.poll(() => payments.isEntitled(tenant, "pro")).toBe(true);
    expect(await payments.isEntitled(tenant, "team")).toBe(false);
    expect(await getPayments(app).entitlement("another")).toMatchObject({ plans: [] });
  });

  it("that no longer pays is no longer entitled", async () => {
    const subscription = stripe.subscribe(await payments.customerOf(tenant), "price_team");
    await post(stripe.event(subscription));
    await expect.poll(() => payments.isEntitled(tenant, "team")).toBe(true);
    subscription.status = "unpaid";
    await post(stripe.event(subscription));
    await expect.poll(() => payments.isEntitled(tenant, "team")).toBe(false);
  });

  it("that is erased pays no more, and is forgotten, though an answer is lost", async () => {
    const customer = await payments.customerOf(tenant);
    const subscription = stripe.subscribe(customer, "price_pro");
    await post(stripe.event(subscription));
    await expect.poll(() => payments.isEntitled(tenant, "pro")).toBe(true);
    let calls = 0;
    stripe.fate = () => (calls++ === 0 ? "lose" : "give");
    await payments.erase(tenant);
    await payments.erase(tenant);
    expect(subscription.status).toBe("canceled");
    expect(stripe.customers.has(customer)).toBe(false);
    expect(await payments.entitlement(tenant)).toMatchObject({ plans: [] });
    const tables = [schema.paymentCustomers, schema.paymentEvents, schema.entitlements];
    const rows = await Promise.all(tables.map((table) => app.db.select().from(table)));
    for (const trace of [tenant, customer]) expect(JSON.stringify(rows)).not.toContain(trace);
  });

  it("that never paid has no portal", async () => {
    await expect(payments.portal(tenant, "https://example.com")).rejects.toMatchObject({
      code: "no_customer",
    });
    await payments.customerOf(tenant);
    await expect(payments.portal(tenant, "https://example.com")).resolves.toHaveProperty("url");
  });
});

describe("a call whose answer is lost", () => {
  it("is done once", async () => {
    let calls = 0;
    stripe.fate = () => (calls++ === 0 ? "lose" : "give");
    await payments.refund(`pi_${tenant}`, { idempotencyKey: "once" }, 500);
    expect(calls).toBe(2);
    expect(stripe.refunds.filter(({ payment }) => payment === `pi_${tenant}`)).toHaveLength(1);
  });

  it("and that the caller sends again with its key is done once", async () => {
    stripe.fate = () => "lose";
    const checkout = { plan: "pro", ...urls, idempotencyKey: "again" } as const;
    await expect(payments.checkout(tenant, checkout)).rejects.toMatchObject({ code: "payment_unavailable" });
    stripe.fate = () => "give";
    const customer = await payments.customerOf(tenant);
    const made = await payments.checkout(tenant, checkout);
    expect((await payments.checkout(tenant, checkout)).id).toBe(made.id);
    expect(stripe.sessions.filter((each) => each.customer === customer)).toHaveLength(1);
  });

  it("a key that stands for another call is refused", async () => {
    await payments.refund(`pi_${tenant}`, { idempotencyKey: "a" }, 500);
    const other = payments.refund(`pi_${tenant}`, { idempotencyKey: "a" }, 600);
    await expect(other).rejects.toMatchObject({ code: "payment_conflict" });
  });

  it("what the service refuses is told as refused, with its own error as the cause", async () => {
    const call = payments.checkout(tenant, { plan: "pro", ...urls, successUrl: "", idempotencyKey: "b" });
    await expect(call).rejects.toMatchObject({
      code: "payment_refused",
      statusCode: 402,
      cause: { message: expect.stringContaining("success_url") },
    });
  });

  it("a service that is down is told as unavailable", async () => {
    stripe.fate = () => "fail";
    await expect(payments.customerOf(tenant)).rejects.toMatchObject({
      code: "payment_unavailable",
      statusCode: 503,
    });
  });
});

describe("an event", () => {
  it("without a right signature is refused and changes nothing", async () => {
    const subscription = stripe.subscribe(await payments.customerOf(tenant), "price_pro");
    const { body, headers } = stripe.event(subscription);
    expect((await post({ body: body.replace("active", "active "), headers })).statusCode).toBe(401);
    expect((await post({ body, headers: stripe.sign(body, 1) })).statusCode).toBe(401);
    expect(await payments.isEntitled(tenant, "pro")).toBe(false);
  });

  it("that claims what the service does not know entitles no tenant", async () => {
    const customer = await payments.customerOf(tenant);
    const claimed = { ...stripe.subscribe(customer, "price_pro") };
    stripe.subscriptions.delete(claimed.id);
    await post(stripe.event(claimed));
    const real = stripe.subscribe(customer, "price_team");
    await post(stripe.event(real));
    await expect.poll(() => payments.entitlement(tenant)).toMatchObject({ plans: ["team"] });
  });

  it("about another kind of thing is kept and does no harm", async () => {
    const body = JSON.stringify({
      id: `evt_${randomUUID()}`,
      type: "a.b",
      data: { object: { id: "x", object: "x" } },
    });
    expect((await post({ body, headers: stripe.sign(body) })).statusCode).toBe(204);
    expect((await post({ body: "{}", headers: stripe.sign("{}") })).statusCode).toBe(400);
  });
});

/** Random runs: a tenant's subscriptions change while events about them are lost, doubled, late and out of order. */
const runs = Number(process.env.PAYMENT_RUNS ?? 20);

it(`after ${runs} random runs each tenant has exactly what it pays for`, async () => {
  const expected = new Map<string, readonly string[]>();
  for (let run = 0; run < runs; run += 1) {
    const own = `${tenant}-${run}`;
    const customer = await payments.customerOf(own);
    const events = [];
    for (let step = 0; step < 6; step += 1) {
      const live = [...stripe.subscriptions.values()].filter((each) => each.customer === customer);
      const picked =
        live[randomInt(live.length + 1)] ??
        stripe.subscribe(customer, Object.values(plans)[randomInt(2)] ?? "");
      picked.status = ["active", "past_due", "unpaid", "canceled"][randomInt(4)] ?? "";
      events.push(stripe.event({ ...picked }));
    }
    // The last change is always told in the end: Stripe tries for three days.
    const [last] = events.slice(-1);
    const told = events.filter(() => randomInt(3) > 0).sort(() => randomInt(3) - 1);
    for (const event of [...told, ...told.slice(0, 2), last]) if (event !== undefined) await post(event);
    const paid = [...stripe.subscriptions.values()].filter(
      ({ customer: whose, status }) => whose === customer && ["active", "past_due"].includes(status),
    );
    expected.set(own, [...new Set(paid.map(({ price }) => (price === "price_pro" ? "pro" : "team")))].sort());
  }
  for (const [own, wanted] of expected) {
    await expect.poll(async () => [...(await payments.entitlement(own)).plans].sort()).toEqual(wanted);
  }
});

it("both secrets are named when they are missing", async () => {
  const other = Fastify();
  await expect(addPayments(other, { plans, env: {} })).rejects.toThrow(
    /STRIPE_SECRET_KEY[\s\S]*STRIPE_WEBHOOK_SECRET/,
  );
  const plain = addPayments(other, { plans, apiUrl: "http://stripe.example.com", env: {} });
  await expect(plain).rejects.toThrow(/apiUrl/);
  await other.close();
});
