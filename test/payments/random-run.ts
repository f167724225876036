import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import type { Chance } from "../chance.js";
import type { Fate, Subscription } from "../rigs/stripe-double.js";
import { type PaymentsApp, type Plan, type SignedEvent, urls } from "./payments-app.js";

const planOfPrice: ReadonlyMap<string, Plan> = new Map([
  ["price_pro", "pro"],
  ["price_pro_old", "pro"],
  ["price_team", "team"],
]);

/** Days after the time that is paid in which a plan is still given, as the page says. */
const graceDays = 3;

const day = 86_400;

/** Two thirds of the calls to Stripe go well at once. */
export function anyFate(below: Chance): Fate {
  const bad = ["slow", "twice", "down", "lose", "hang", "late", "fail", "away", "busy", "deny"] as const;
  return bad[below(bad.length * 3)] ?? "give";
}

/** Does a call again, as a caller does who got no answer. */
async function insist<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Object(error).code !== "payment_unavailable") throw error;
    }
  }
}

type Parts = Pick<PaymentsApp, "stripe" | "payments" | "post">;

/**
 * One tenant that pays, stops paying, ends, comes back, is paid back and is erased, beside a model of what it has paid for. Its
 * events come late, twice and out of order.
 */
export class RandomRun {
  readonly tenant = `tenant-${randomUUID()}`;
  /** Whether each event comes at last; otherwise half of them never do. */
  readonly isTold: boolean;
  readonly #parts: Parts;
  readonly #below: Chance;
  #waiting: SignedEvent[] = [];
  /** Plans that each customer has ever paid for, and the end of the longest time that it did. */
  readonly #everPaid = new Map<string, { plans: Set<string>; until: number }>();
  #checkouts = 0;
  readonly #refunds: { payment: string; amount: number }[] = [];

  constructor(parts: Parts, isTold: boolean, below: Chance) {
    this.#parts = parts;
    this.#below = below;
    this.isTold = isTold;
  }

  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step += 1) {
      const before = JSON.stringify(this.#subscriptions());
      await this.#pick(this.#steps())();
      for (const each of this.#subscriptions())
        if (!before.includes(JSON.stringify(each))) this.#waiting.push(this.#parts.stripe.event({ ...each }));
      this.#note();
      await this.#deliver(this.#waiting.filter(() => this.#chance(50)));
      await this.expectNothingUnpaid();
      this.#expectNoPlanTwice();
    }
  }

  /** Events that are still on their way come, or never come. */
  async endEvents(): Promise<void> {
    await this.#deliver(this.#waiting.filter(() => this.isTold || this.#chance(50)));
  }

  /** Whatever was lost, late and overtaken: no plan is given that a customer of the tenant has not paid for. */
  async expectNothingUnpaid(): Promise<void> {
    const given = await this.#parts.payments.entitlement(this.tenant);
    const paid = this.customers().flatMap((customer) => this.#everPaid.get(customer) ?? []);
    const paidPlans = paid.flatMap((each) => [...each.plans]);
    expect(given.plans.filter((plan) => !paidPlans.includes(plan))).toEqual([]);
    const until = (given.paidUntil?.getTime() ?? 0) / 1000;
    expect(until).toBeLessThanOrEqual(Math.max(0, ...paid.map((each) => each.until)));
  }

  /** By what was ever paid and when, whatever Stripe calls it. */
  expectedPlans(): readonly string[] {
    const now = Date.now() / 1000;
    const paid = this.#subscriptions().filter(({ id, status, cancel_at }) => {
      const until = this.#parts.stripe.paidThrough.get(id) ?? 0;
      return (
        !["unpaid", "canceled"].includes(status) && now < until + (cancel_at === null ? graceDays * day : 0)
      );
    });
    return [...new Set(paid.map(planOf))].sort();
  }

  async plans(): Promise<readonly string[]> {
    return [...(await this.#parts.payments.entitlement(this.tenant)).plans].sort();
  }

  customers(): readonly string[] {
    const all = [...this.#parts.stripe.customers.values()];
    return all.filter(({ tenant }) => tenant === this.tenant).map(({ id }) => id);
  }

  /** Never two customers, two subscriptions of a plan, two checkouts for one click, or two refunds for one. */
  expectNothingTwice(): void {
    const { stripe } = this.#parts;
    expect(this.customers().length).toBeLessThanOrEqual(1);
    this.#expectNoPlanTwice();
    const known = [...this.#everPaid.keys(), ...this.customers()];
    const sessions = stripe.sessions.filter(({ customer }) => known.includes(customer));
    expect(sessions.length).toBeLessThanOrEqual(this.#checkouts);
    for (const { payment, amount } of this.#refunds) {
      const made = stripe.refunds.filter((each) => each.payment === payment);
      expect(made).toMatchObject([{ payment, amount }]);
    }
  }

  /** Looked at after each step, as what is charged twice may be ended later. */
  #expectNoPlanTwice(): void {
    const live = this.#subscriptions().filter(isLive).map(planOf);
    expect(live.length).toBe(new Set(live).size);
  }

  #pick<T>(from: readonly T[]): T {
    const picked = from[this.#below(from.length)];
    if (picked === undefined) throw new Error("there is nothing to pick");
    return picked;
  }

  #chance(percent: number): boolean {
    return this.#below(100) < percent;
  }

  #steps(): readonly (() => Promise<void>)[] {
    const upgrade = () => this.#upgrade();
    const change = () => this.#change();
    const look = this.isTold ? [] : [() => this.#look()];
    const rare = this.#chance(30) ? [() => this.#erase()] : [];
    return [upgrade, upgrade, change, change, () => this.#portal(), () => this.#refund(), ...look, ...rare];
  }

  /** Two tabs ask for a checkout of a plan, and the customer pays at each URL that any tab ever got, or never does. */
  async #upgrade(): Promise<void> {
    const plan = this.#pick(["pro", "team"] as const);
    await Promise.allSettled([this.#tab(plan), this.#tab(plan)]);
  }

  async #tab(plan: Plan): Promise<void> {
    const { stripe, payments } = this.#parts;
    const checkout = { plan, ...urls, idempotencyKey: randomUUID() };
    this.#checkouts += 1;
    const { id } = await insistOnKey(() => payments.checkout(this.tenant, checkout));
    await this.expectNothingUnpaid();
    const session = stripe.sessions.find((each) => each.id === id);
    const isDone =
      session !== undefined && this.#chance(60) && stripe.pay(session, this.#chance(80)) !== undefined;
    if (isDone) this.#note();
  }

  /** What becomes of a subscription in time; so long ago that it is clearly in the grace or out of it. */
  async #change(): Promise<void> {
    const { stripe } = this.#parts;
    const live = this.#subscriptions().filter(isLive);
    if (live.length === 0) return this.#upgrade();
    const subscription = this.#pick(live);
    if (subscription.status === "incomplete") {
      if (this.#chance(50)) stripe.settle(subscription);
      else subscription.status = "incomplete_expired";
      return;
    }
    const changes = [
      () => this.#renew(subscription, 1 + this.#below(9), true),
      () => this.#renew(subscription, day * this.#pick([1, 2, 4, 9]), false),
      () => {
        subscription.status = "unpaid";
      },
      () => {
        subscription.status = "canceled";
      },
      () => {
        if (subscription.price === "price_pro") subscription.price = "price_pro_old";
      },
    ];
    this.#pick(changes)();
  }

  #renew(subscription: Subscription, secondsAgo: number, isPaid: boolean): void {
    this.#parts.stripe.endPeriod(subscription, secondsAgo);
    if (subscription.cancel_at === null) this.#parts.stripe.renew(subscription, isPaid);
    else subscription.status = "canceled";
  }

  /** The page of Stripe, where the tenant ends a subscription, or takes that back. */
  async #portal(): Promise<void> {
    const call = () => this.#parts.payments.portal(this.tenant, urls.successUrl);
    const opened = await insist(call).catch((error: unknown) => error);
    if (this.customers().length === 0) return expect(opened).toHaveProperty("code");
    for (const each of this.#subscriptions().filter(isLive)) {
      each.cancel_at = this.#chance(50) ? each.current_period_end : null;
      each.cancel_at_period_end = each.cancel_at !== null && this.#chance(50);
    }
  }

  async #refund(): Promise<void> {
    const { stripe, payments } = this.#parts;
    const paid = stripe.charges.find(
      ({ customer, refunded }) => this.customers().includes(customer) && refunded === 0,
    );
    if (paid === undefined) return;
    const wanted = { payment: paid.payment, amount: 400 };
    this.#refunds.push(wanted);
    await this.#payBack(wanted, (idempotencyKey) =>
      payments.refund(wanted.payment, { idempotencyKey }, wanted.amount),
    );
  }

  /** As the page says: with the same key while that may help, and otherwise with another. */
  async #payBack(
    { payment }: { payment: string },
    work: (idempotencyKey: string) => Promise<unknown>,
  ): Promise<void> {
    const isMade = () => this.#parts.stripe.refunds.some((each) => each.payment === payment);
    for (let key = randomUUID(); ; ) {
      const error = await work(key).then(
        () => undefined,
        (reason: unknown) => Object(reason),
      );
      if (error === undefined) return;
      if (!error.needsNewKey) continue;
      if (error.code === "payment_unavailable" && isMade()) return;
      key = randomUUID();
    }
  }

  /** Half of the time a tab asks for a checkout meanwhile. */
  async #erase(): Promise<void> {
    const { stripe, payments } = this.#parts;
    const before = this.customers();
    const tab = this.#chance(50) ? [this.#tab("pro")] : [];
    const [erased] = await Promise.allSettled([insist(() => payments.erase(this.tenant)), ...tab]);
    expect(erased.status).toBe("fulfilled");
    expect(this.customers().filter((customer) => before.includes(customer))).toEqual([]);
    if (tab.length === 0) expect(this.customers()).toEqual([]);
    await this.expectNothingUnpaid();
    this.#waiting.push(...before.map((customer) => stripe.deletedEvent(customer)));
  }

  /** After a look that began now the tenant has exactly what it pays for, whatever older looks still find. */
  async #look(): Promise<void> {
    const [customer] = this.customers();
    if (customer === undefined) return;
    await insist(() => this.#parts.payments.customerOf(this.tenant));
    await insist(() => this.#parts.payments.synchronize(customer));
    await expect.poll(() => this.plans()).toEqual(this.expectedPlans());
  }

  #subscriptions(): readonly Subscription[] {
    const own = this.customers();
    return [...this.#parts.stripe.subscriptions.values()].filter(({ customer }) => own.includes(customer));
  }

  /** Keeps what was paid until now: time only goes on for single subscriptions, and is not turned back. */
  #note(): void {
    for (const each of this.#subscriptions()) {
      const until = this.#parts.stripe.paidThrough.get(each.id);
      if (until === undefined) continue;
      const known = this.#everPaid.get(each.customer) ?? { plans: new Set(), until: 0 };
      known.plans.add(planOf(each));
      this.#everPaid.set(each.customer, { ...known, until: Math.max(known.until, until) });
    }
  }

  async #deliver(chosen: readonly SignedEvent[]): Promise<void> {
    this.#waiting = this.#waiting.filter((each) => !chosen.includes(each));
    const kept = chosen.filter(() => this.isTold || this.#chance(50));
    const twice = kept.filter(() => this.#chance(30));
    const shuffled = [...kept, ...twice].sort(() => this.#below(3) - 1);
    for (const event of shuffled) expect((await this.#parts.post(event)).statusCode).toBe(204);
    if (this.#chance(20)) this.#waiting.push(...kept);
  }
}

/** Sends a call again with its key, unless that can be of no use. */
async function insistOnKey<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Object(error).code !== "payment_unavailable" || Object(error).needsNewKey) throw error;
    }
  }
}

function isLive({ status }: Subscription): boolean {
  return status !== "canceled" && status !== "incomplete_expired";
}

function planOf({ price }: Subscription): string {
  return planOfPrice.get(price) ?? "";
}
