import { randomUUID } from "node:crypto";
import { eq } from "drizzle-orm";
import Fastify, { type FastifyInstance } from "fastify";
import type { PersonalData } from "svc-infra/auth";
import { addJobs } from "svc-infra/jobs";
import { type AddedPayments, addPayments, getPayments } from "svc-infra/payments";
import type { SqlDb } from "svc-infra/sql";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import * as schema from "#dist/payments/schema.js";
import type { StripeDouble } from "../rigs/stripe-double.js";
import { account, openPaymentsApp, type PaymentsApp, type Plan, plans, urls } from "./payments-app.js";

let opened: PaymentsApp;
let app: FastifyInstance;
let stripe: StripeDouble;
let payments: AddedPayments<Plan>["payments"];
let jobs: AddedPayments<Plan>["jobs"];
let post: PaymentsApp["post"];
let tenant: string;

beforeAll(async () => {
  opened = await openPaymentsApp();
  ({ app, stripe, payments, jobs, post } = opened);
});

afterAll(() => opened.close());

beforeEach(() => {
  tenant = `tenant-${randomUUID()}`;
  stripe.fate = () => "give";
});

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
    expect([...stripe.keys].at(-1)).toMatch(/^portal:/);
  });
});

describe("a customer", () => {
  it("can be made again after a failure that Stripe keeps for its key", async () => {
    stripe.fate = () => "fail";
    await expect(payments.customerOf(tenant)).rejects.toMatchObject({ needsNewKey: true });
    stripe.fate = () => "give";
    expect(stripe.customers.get(await payments.customerOf(tenant))?.tenant).toBe(tenant);
  });

  it("whose making was not answered is the same one, also when another address is given", async () => {
    const before = stripe.customers.size;
    stripe.fate = () => "lose";
    const lost = payments.customerOf(tenant, "ann@example.com");
    await expect(lost).rejects.toMatchObject({ code: "payment_unavailable", needsNewKey: false });
    stripe.fate = () => "give";
    await payments.customerOf(tenant, "ben@example.com");
    expect(stripe.customers.size).toBe(before + 1);
  });

  it("ends with the account of its only member, also where users are added later", async () => {
    const late = Fastify();
    late.decorate<SqlDb>("sql", app.sql).decorate("db", app.db);
    const { key: secretKey, webhookSecret } = account;
    const added = await addPayments(late, { plans, secretKey, webhookSecret, apiUrl: stripe.url, env: {} });
    await addJobs(late, { jobs: [...added.jobs], env: {} });
    const accounts = new Map<string, PersonalData>();
    const add = (name: string, data: PersonalData) => accounts.set(name, data);
    late.decorate("authUsers", { accounts: { add } } as never);
    await late.ready();
    const customer = await added.payments.customerOf(tenant);
    await accounts.get("payments")?.erase({ id: "ida", email: "ida@example.com", tenants: [tenant] });
    expect(stripe.customers.has(customer)).toBe(false);
    await late.close();
  });

  it("that was erased is not the customer of the same tenant later", async () => {
    const first = await payments.customerOf(tenant);
    await payments.erase(tenant);
    const second = await payments.customerOf(tenant);
    expect(second).not.toBe(first);
    expect(stripe.customers.has(second)).toBe(true);
  });

  it("whose making was not answered is erased all the same", async () => {
    stripe.fate = () => "lose";
    await expect(payments.customerOf(tenant)).rejects.toThrow();
    stripe.fate = () => "give";
    await payments.erase(tenant);
    expect([...stripe.customers.values()].filter((each) => each.tenant === tenant)).toEqual([]);
  });
});

describe("a checkout", () => {
  const pro = { plan: "pro", ...urls } as const;
  const openOf = (customer: string) =>
    stripe.sessions.filter((each) => each.customer === customer && each.status === "open");

  it("is refused while the plan is subscribed, paid or not, unless another one is meant", async () => {
    const subscription = stripe.subscribe(await payments.customerOf(tenant), "price_pro");
    const refused = { code: "already_subscribed", statusCode: 409 };
    await expect(payments.checkout(tenant, { ...pro, idempotencyKey: "1" })).rejects.toMatchObject(refused);
    for (const status of ["past_due", "unpaid", "incomplete"]) {
      subscription.status = status;
      const again = payments.checkout(tenant, { ...pro, idempotencyKey: status });
      await expect(again).rejects.toMatchObject(refused);
    }
    const second = payments.checkout(tenant, { ...pro, idempotencyKey: "2", isAdditional: true });
    await expect(second).resolves.toHaveProperty("url");
    const other = payments.checkout(tenant, { ...pro, plan: "team", idempotencyKey: "1" });
    await expect(other).resolves.toHaveProperty("url");
    subscription.status = "canceled";
    await expect(payments.checkout(tenant, { ...pro, idempotencyKey: "3" })).resolves.toHaveProperty("url");
  });

  it("of a second tab ends that of the first, so that one can be paid", async () => {
    const first = await payments.checkout(tenant, { ...pro, idempotencyKey: "tab-1" });
    const second = await payments.checkout(tenant, { ...pro, idempotencyKey: "tab-2" });
    const customer = await payments.customerOf(tenant);
    expect(openOf(customer).map(({ id }) => id)).toEqual([second.id]);
    const late = payments.checkout(tenant, { ...pro, idempotencyKey: "tab-1" });
    await expect(late).rejects.toMatchObject({ code: "payment_conflict", needsNewKey: true });
    expect(first.id).not.toBe(second.id);
  });

  it("that is one of ten at once leaves one at most that can be paid", async () => {
    const calls = Array.from({ length: 10 }, (_, at) =>
      payments.checkout(tenant, { ...pro, idempotencyKey: `${at}` }),
    );
    await Promise.allSettled(calls);
    expect(openOf(await payments.customerOf(tenant)).length).toBeLessThanOrEqual(1);
  });

  it("is refused when another one is paid while it is made", async () => {
    const first = await payments.checkout(tenant, { ...pro, idempotencyKey: "tab-1" });
    let calls = 0;
    stripe.fate = () => {
      calls += 1;
      const session = stripe.sessions.find(({ id }) => id === first.id);
      if (calls === 2 && session !== undefined) stripe.pay(session);
      return "give";
    };
    const second = payments.checkout(tenant, { ...pro, idempotencyKey: "tab-2" });
    await expect(second).rejects.toMatchObject({ code: "already_subscribed" });
    expect(openOf(await payments.customerOf(tenant))).toEqual([]);
  });
});

describe("a plan", () => {
  const day = 86_400;

  it.each([
    { name: "is given on in the grace after the time that is paid", secondsAgo: 2 * day, isGiven: true },
    { name: "ends with the grace, though the period goes on unpaid", secondsAgo: 4 * day, isGiven: false },
  ])("$name", async ({ secondsAgo, isGiven }) => {
    const customer = await payments.customerOf(tenant);
    const subscription = stripe.subscribe(customer, "price_pro");
    stripe.endPeriod(subscription, secondsAgo);
    stripe.renew(subscription, false);
    expect(subscription.current_period_end).toBeGreaterThan(Date.now() / 1000 + 20 * day);
    await payments.synchronize(customer);
    expect(await payments.isEntitled(tenant, "pro")).toBe(isGiven);
  });

  it("whose first period is not paid is not given", async () => {
    const customer = await payments.customerOf(tenant);
    const subscription = stripe.subscribe(customer, "price_pro");
    subscription.status = "past_due";
    stripe.paidThrough.delete(subscription.id);
    await payments.synchronize(customer);
    expect(await payments.isEntitled(tenant, "pro")).toBe(false);
  });

  it("is not given on when a second period is not paid either", async () => {
    const customer = await payments.customerOf(tenant);
    const subscription = stripe.subscribe(customer, "price_pro");
    stripe.renew(subscription, false);
    stripe.endPeriod(subscription, day);
    stripe.renew(subscription, false);
    await payments.synchronize(customer);
    expect(await payments.isEntitled(tenant, "pro")).toBe(false);
  });

  it("ends by itself, though no event comes and Stripe is away", async () => {
    const customer = await payments.customerOf(tenant);
    stripe.subscribe(customer, "price_pro");
    await payments.synchronize(customer);
    stripe.fate = () => "down";
    vi.useFakeTimers({ now: Date.now() + 34 * day * 1000, toFake: ["Date"] });
    try {
      expect(await payments.isEntitled(tenant, "pro")).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });

  it.each([
    { billing: "classic", change: { cancel_at_period_end: true } },
    { billing: "flexible", change: {} },
  ])("that is not renewed has no grace, with $billing billing", async ({ change }) => {
    const customer = await payments.customerOf(tenant);
    const subscription = stripe.subscribe(customer, "price_pro");
    Object.assign(subscription, { cancel_at: subscription.current_period_end, ...change });
    stripe.endPeriod(subscription, 60);
    await payments.synchronize(customer);
    expect(await payments.isEntitled(tenant, "pro")).toBe(false);
  });

  it("that ends some periods later is given on in the grace, and is not told as ending", async () => {
    const customer = await payments.customerOf(tenant);
    const subscription = stripe.subscribe(customer, "price_pro");
    subscription.cancel_at = subscription.current_period_end + 90 * day;
    stripe.endPeriod(subscription, 60);
    await payments.synchronize(customer);
    expect(await payments.entitlement(tenant)).toMatchObject({ plans: ["pro"], isEnding: false });
  });

  it("does not last longer because another one does", async () => {
    const customer = await payments.customerOf(tenant);
    stripe.endPeriod(stripe.subscribe(customer, "price_pro"), 4 * day);
    stripe.subscribe(customer, "price_team");
    await payments.synchronize(customer);
    expect((await payments.entitlement(tenant)).plans).toEqual(["team"]);
  });
});

describe("a call whose answer is lost", () => {
  it("is done once", async () => {
    let calls = 0;
    stripe.fate = () => (calls++ === 0 ? "lose" : "give");
    const paid = stripe.charge(await payments.customerOf(tenant));
    calls = 0;
    await payments.refund(paid, { idempotencyKey: "once" }, 500);
    expect(calls).toBe(2);
    expect(stripe.refunds.filter(({ payment }) => payment === paid)).toHaveLength(1);
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

  it("a key that a header field cannot take is one all the same", async () => {
    const paid = stripe.charge(await payments.customerOf(tenant));
    const call = { idempotencyKey: "é".repeat(300) };
    const first = await payments.refund(paid, call, 400);
    expect(await payments.refund(paid, call, 400)).toEqual(first);
  });

  it("a key that stands for another call is refused", async () => {
    const paid = stripe.charge(await payments.customerOf(tenant));
    await payments.refund(paid, { idempotencyKey: "a" }, 500);
    const other = payments.refund(paid, { idempotencyKey: "a" }, 600);
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
  const unhandled = async () => {
    const rows = await app.db.select().from(schema.paymentEvents);
    return rows.filter(({ handledAt }) => handledAt === null).length;
  };

  it("that comes while Stripe is away is tried again for days", () => {
    const [job, sweep] = jobs;
    const { delayMs = 0 } = job?.backoff ?? {};
    const longestMs = delayMs * (2 ** ((job?.attempts ?? 0) - 1) - 1);
    expect(job?.backoff?.type).toBe("exponential");
    expect(longestMs).toBeGreaterThan(2 * 86_400_000);
    expect(sweep?.name).toBe("svc-infra.payment-sweep");
  });

  it("that was kept and not handled is handled when it comes again", async () => {
    const subscription = stripe.subscribe(await payments.customerOf(tenant), "price_pro");
    const event = stripe.event(subscription);
    const { id } = JSON.parse(event.body);
    await payments.keep(app.db, {
      id,
      type: "customer.subscription.updated",
      customer: subscription.customer,
    });
    expect(await payments.isEntitled(tenant, "pro")).toBe(false);
    expect((await post(event)).statusCode).toBe(204);
    await expect.poll(() => payments.isEntitled(tenant, "pro")).toBe(true);
    expect(await payments.keep(app.db, { id, type: "x", customer: subscription.customer })).toBe(false);
  });

  it("that was kept and never handled is handled by the sweep, which the jobs repeat", async () => {
    const scheduled = await app.jobs.scheduler.list();
    expect(scheduled.map(({ name }) => name)).toContain("svc-infra.payment-sweep");
    const customer = await payments.customerOf(tenant);
    await payments.synchronize(customer);
    stripe.subscribe(customer, "price_pro");
    await payments.sweep();
    expect(await payments.isEntitled(tenant, "pro")).toBe(false);
    const receivedAt = new Date(Date.now() - 120_000);
    await app.db
      .insert(schema.paymentEvents)
      .values({ id: `evt_${tenant}`, type: "x", customer, receivedAt });
    stripe.fate = () => "down";
    await expect(payments.sweep()).rejects.toMatchObject({ code: "payment_unavailable" });
    stripe.fate = () => "give";
    await payments.sweep();
    expect(await payments.isEntitled(tenant, "pro")).toBe(true);
    await expect.poll(unhandled).toBe(0);
  });

  it("that never came is made up for: a tenant is looked up once a day", async () => {
    const customer = await payments.customerOf(tenant);
    await payments.synchronize(customer);
    stripe.subscribe(customer, "price_team");
    const due = { checkAt: new Date(Date.now() - 1000) };
    const [row] = await app.db
      .select()
      .from(schema.entitlements)
      .where(eq(schema.entitlements.tenant, tenant));
    expect(row?.checkAt.getTime()).toBeLessThan(Date.now() + 86_400_001);
    await app.db.update(schema.entitlements).set(due).where(eq(schema.entitlements.tenant, tenant));
    await payments.sweep();
    expect(await payments.isEntitled(tenant, "team")).toBe(true);
  });

  it("is removed after its retention, with a customer or without", async () => {
    const old = new Date(Date.now() - 31 * 86_400_000);
    const young = new Date(Date.now() - 29 * 86_400_000);
    const rows = [
      { id: `old-${tenant}`, type: "x", customer: "cus_x", receivedAt: old, handledAt: old },
      { id: `older-${tenant}`, type: "x", receivedAt: old, handledAt: old },
      { id: `young-${tenant}`, type: "x", receivedAt: young, handledAt: young },
    ];
    await app.db.insert(schema.paymentEvents).values(rows);
    await payments.sweep();
    const left = await app.db.select().from(schema.paymentEvents);
    expect(left.map(({ id }) => id).filter((id) => id.endsWith(tenant))).toEqual([`young-${tenant}`]);
  });

  it("without a right signature is refused and changes nothing", async () => {
    const subscription = stripe.subscribe(await payments.customerOf(tenant), "price_pro");
    const { body, headers } = stripe.event(subscription);
    expect((await post({ body: body.replace("active", "active "), headers })).statusCode).toBe(401);
    expect((await post({ body, headers: stripe.sign(body, 1) })).statusCode).toBe(401);
    expect(await payments.isEntitled(tenant, "pro")).toBe(false);
  });

  it("about an upcoming invoice, which has no id, has its customer looked up", async () => {
    const { customer } = stripe.subscribe(await payments.customerOf(tenant), "price_pro");
    const data = { object: { object: "invoice", customer } };
    const body = JSON.stringify({ id: `evt_${randomUUID()}`, type: "invoice.upcoming", data });
    expect((await post({ body, headers: stripe.sign(body) })).statusCode).toBe(204);
    await expect.poll(() => payments.isEntitled(tenant, "pro")).toBe(true);
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

  it("about another kind of thing is kept and does no harm, also where that has no id", async () => {
    const objects = [{ id: "x", object: "x" }, { object: "balance" }, { object: "customer" }];
    for (const object of objects) {
      const body = JSON.stringify({ id: `evt_${randomUUID()}`, type: "a.b", data: { object } });
      expect((await post({ body, headers: stripe.sign(body) })).statusCode).toBe(204);
    }
    expect((await post({ body: "{}", headers: stripe.sign("{}") })).statusCode).toBe(400);
  });
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
