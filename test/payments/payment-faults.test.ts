import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import Fastify from "fastify";
import { addPayments } from "svc-infra/payments";
import { addSqlDb } from "svc-infra/sql";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { account, openPaymentsApp, type PaymentsApp, urls } from "./payments-app.js";

let opened: PaymentsApp;
let stripe: PaymentsApp["stripe"];
let payments: PaymentsApp["payments"];
let tenant: string;

beforeAll(async () => {
  opened = await openPaymentsApp();
  ({ stripe, payments } = opened);
});

afterAll(() => opened.close());

beforeEach(() => {
  tenant = `tenant-${randomUUID()}`;
  stripe.fate = () => "give";
  stripe.beforeAnswer = async () => {};
});

describe("an erasure beside the making of the customer", () => {
  const ofTenant = () => [...stripe.customers.values()].filter((each) => each.tenant === tenant);

  it("takes nothing that began after it, though the provider is away for deletions", async () => {
    stripe.fate = ({ method }) => (method === "DELETE" ? "down" : "give");
    const [made, erased] = await Promise.allSettled([payments.customerOf(tenant), payments.erase(tenant)]);
    expect([made.status, erased.status]).toEqual(["fulfilled", "fulfilled"]);
    await payments.customerOf(tenant);
    expect(ofTenant()).toHaveLength(1);
    stripe.fate = () => "give";
    await payments.erase(tenant);
    expect(ofTenant()).toEqual([]);
  });
});

describe("a wrong key of the account", () => {
  const denied = { code: "payment_unavailable", statusCode: 503, needsNewKey: false };
  const ofTenant = () => [...stripe.customers.values()].filter((each) => each.tenant === tenant);

  it("makes no second customer where the making of the first was not answered", async () => {
    stripe.fate = () => "lose";
    await expect(payments.customerOf(tenant)).rejects.toThrow();
    stripe.fate = () => "deny";
    await expect(payments.customerOf(tenant)).rejects.toMatchObject(denied);
    stripe.fate = () => "give";
    await payments.customerOf(tenant);
    expect(ofTenant()).toHaveLength(1);
  });

  it("leaves no customer that is erased where its making was not answered", async () => {
    stripe.fate = () => "lose";
    await expect(payments.customerOf(tenant)).rejects.toThrow();
    stripe.fate = () => "deny";
    await expect(payments.erase(tenant)).rejects.toMatchObject(denied);
    stripe.fate = () => "give";
    await payments.erase(tenant);
    expect(ofTenant()).toEqual([]);
  });

  it.each(["deny", "busy", "away", "down"] as const)(
    "and all else that is answered before a call begins asks for the same key again: %s",
    async (fate) => {
      const paid = stripe.charge(await payments.customerOf(tenant));
      stripe.fate = () => "lose";
      const call = { idempotencyKey: "back" };
      await expect(payments.refund(paid, call, 400)).rejects.toMatchObject({ needsNewKey: false });
      stripe.fate = () => fate;
      await expect(payments.refund(paid, call, 400)).rejects.toMatchObject(denied);
      stripe.fate = () => "give";
      await payments.refund(paid, call, 400);
      expect(stripe.refunds.filter(({ payment }) => payment === paid)).toHaveLength(1);
    },
  );

  it("ends the sweep, and is not taken for a customer that is refused", async () => {
    await payments.customerOf(tenant);
    stripe.fate = () => "deny";
    await expect(payments.sweep()).rejects.toMatchObject(denied);
  });
});

describe("a sweep", () => {
  it("tells of a customer that Stripe refuses, and does the others", async () => {
    const refused = await payments.customerOf(tenant);
    stripe.customers.delete(refused);
    const other = await payments.customerOf(`${tenant}-2`);
    stripe.subscribe(other, "price_pro");
    const told = await payments.sweep();
    expect(told).toMatchObject([{ customer: refused, error: { code: "payment_refused" } }]);
    expect(await payments.isEntitled(`${tenant}-2`, "pro")).toBe(true);
  });
});

describe("a look at what is paid", () => {
  /** Holds the answer to the next look until it is released. */
  function holdNext(): { readonly isHeld: Promise<unknown>; readonly release: () => void } {
    const gate = new EventEmitter();
    const isHeld = once(gate, "held");
    stripe.beforeAnswer = async ({ path }) => {
      if (path !== "/v1/subscriptions") return;
      stripe.beforeAnswer = async () => {};
      gate.emit("held");
      await once(gate, "release");
    };
    return { isHeld, release: () => gate.emit("release") };
  }

  it("that is answered late does not overwrite a later one", async () => {
    const customer = await payments.customerOf(tenant);
    const subscription = stripe.subscribe(customer, "price_pro");
    const { isHeld, release } = holdNext();
    const early = payments.synchronize(customer);
    await isHeld;
    subscription.status = "canceled";
    await payments.synchronize(customer);
    release();
    await early;
    expect(await payments.isEntitled(tenant, "pro")).toBe(false);
  });

  it("that is answered late gives an erased tenant nothing, also when it has come back", async () => {
    const first = await payments.customerOf(tenant);
    stripe.subscribe(first, "price_pro");
    const { isHeld, release } = holdNext();
    const early = payments.synchronize(first);
    await isHeld;
    await payments.erase(tenant);
    await payments.synchronize(await payments.customerOf(tenant));
    release();
    await early;
    expect(await payments.isEntitled(tenant, "pro")).toBe(false);
  });
});

describe("a plan with several prices", () => {
  const pro = { plan: "pro", ...urls } as const;

  it("is sold at the first, and given to a tenant that pays another one", async () => {
    await payments.checkout(tenant, { ...pro, idempotencyKey: "1" });
    expect(stripe.sessions.at(-1)?.price).toBe("price_pro");
    const customer = await payments.customerOf(tenant);
    stripe.subscribe(customer, "price_pro_old");
    await payments.synchronize(customer);
    expect((await payments.entitlement(tenant)).plans).toEqual(["pro"]);
    const again = payments.checkout(tenant, { ...pro, idempotencyKey: "2" });
    await expect(again).rejects.toMatchObject({ code: "already_subscribed" });
  });

  it("has one checkout that can be paid, whatever its price", async () => {
    const { id } = await payments.checkout(tenant, { ...pro, idempotencyKey: "1" });
    const old = stripe.sessions.find((each) => each.id === id);
    if (old !== undefined)
      Object.assign(old, { price: "price_pro_old", metadata: { price: "price_pro_old" } });
    await payments.checkout(tenant, { ...pro, idempotencyKey: "2" });
    expect(old?.status).toBe("expired");
  });

  it.each<{ given: Record<string, string | string[]>; message: RegExp }>([
    { given: { pro: [] }, message: /'pro' has no price/ },
    { given: { pro: "price_1", team: ["price_2", "price_1"] }, message: /'team' has the price 'price_1'/ },
  ])("must have one, and no other plan's: $message", async ({ given, message }) => {
    const other = Fastify();
    await addSqlDb(other, { url: "pglite:memory", env: {} });
    const keys = { secretKey: account.key, webhookSecret: account.webhookSecret };
    await expect(addPayments(other, { plans: given, ...keys, env: {} })).rejects.toThrow(message);
    await other.close();
  });
});
