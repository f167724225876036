import { randomUUID } from "node:crypto";
import { and, eq } from "drizzle-orm";
import type { Database } from "../sql/index.js";
import { Customers } from "./customers.js";
import { Entitlements } from "./entitlements.js";
import {
  type CheckoutRequest,
  type IdempotentCall,
  PaymentError,
  type PaymentProvider,
} from "./payment-provider.js";
import { type PlanPrices, Plans } from "./plans.js";
import { dueCustomers, keepEvent, type ProviderEvent, removeOldEvents } from "./received-events.js";
import { entitlements, paymentCustomers, paymentEvents } from "./schema.js";

/** What a tenant has paid for. */
export interface Entitlement<Plan extends string = string> {
  /** Plans whose price is paid, by the names that `addPayments` was given. */
  readonly plans: readonly Plan[];
  readonly paidUntil: Date | undefined;
  /** Whether it ends with the time that is paid. */
  readonly isEnding: boolean;
}

/** What a tenant is to pay. */
export interface TenantCheckout<Plan extends string> extends IdempotentCall {
  readonly plan: Plan;
  /** Default: 1. */
  readonly quantity?: number;
  readonly successUrl: string;
  readonly cancelUrl: string;
  /** Allows a second subscription beside a live one of the same plan. Default: false. */
  readonly isAdditional?: boolean;
}

/** Days and hours of {@link Payments}. */
export interface PaymentTimes {
  readonly graceHours: number;
  readonly eventRetentionDays: number;
}

/** A customer that the provider refused to tell about. */
export interface RefusedCustomer {
  readonly customer: string;
  readonly error: PaymentError;
}

/** Payments of the tenants of a service. */
export class Payments<Plan extends string = string> {
  readonly #db: Database;
  readonly #provider: PaymentProvider;
  readonly #customers: Customers;
  readonly #entitlements: Entitlements;
  readonly #plans: Plans<Plan>;
  readonly #retentionDays: number;

  /** @internal made by `addPayments`. */
  constructor(
    db: Database,
    provider: PaymentProvider,
    plans: PlanPrices<Plan>,
    { graceHours, eventRetentionDays }: PaymentTimes,
  ) {
    this.#db = db;
    this.#provider = provider;
    this.#customers = new Customers(db, provider);
    this.#entitlements = new Entitlements(db, graceHours * 3_600_000);
    this.#plans = new Plans(plans);
    this.#retentionDays = eventRetentionDays;
  }

  /**
   * The tenant's customer, made with the first call and never twice.
   *
   * @param email - of the first attempt that is not refused.
   * @throws PaymentError
   */
  customerOf(tenant: string, email?: string): Promise<string> {
    return this.#customers.ensure(tenant, email);
  }

  /**
   * Begins a checkout; the caller sends the browser to its URL. A tenant can pay one checkout of a plan: another one that
   * is still open ends with this call.
   *
   * @throws PaymentError: `already_subscribed` while the tenant has a live subscription of the plan, paid or not.
   */
  async checkout(
    tenant: string,
    checkout: TenantCheckout<Plan>,
  ): Promise<{ readonly id: string; readonly url: string }> {
    const { plan, quantity = 1, successUrl, cancelUrl, idempotencyKey, isAdditional = false } = checkout;
    const price = this.#plans.priceOf(plan);
    const customer = await this.customerOf(tenant);
    if (!isAdditional && (await this.#isLive(customer, plan))) throw alreadySubscribed(plan);
    const request: CheckoutRequest = { customer, price, quantity, successUrl, cancelUrl };
    const call = { idempotencyKey: `checkout:${tenant}:${plan}:${idempotencyKey}` };
    const session = await this.#provider.checkout(request, call);
    if (!isAdditional) await this.#keepOnly(session.id, customer, plan);
    return session;
  }

  /** A page of the provider on which the tenant changes its subscription. @throws PaymentError (`no_customer`) */
  async portal(tenant: string, returnUrl: string): Promise<{ readonly url: string }> {
    const customer = await this.#customers.find(tenant);
    if (customer === undefined) throw new PaymentError("no_customer", "this tenant has never paid anything");
    return this.#provider.portal(customer, returnUrl, { idempotencyKey: `portal:${randomUUID()}` });
  }

  /**
   * Gives money back.
   *
   * @param amount - in the smallest unit of the currency; all of the payment without it.
   */
  refund(payment: string, call: IdempotentCall, amount?: number): Promise<{ readonly id: string }> {
    return this.#provider.refund(payment, amount, {
      idempotencyKey: `refund:${payment}:${call.idempotencyKey}`,
    });
  }

  /**
   * What the tenant has paid for, from the application's own database: until the time that is paid, and for the grace of
   * `STRIPE_GRACE_HOURS` after it while the subscription goes on.
   */
  async entitlement(tenant: string): Promise<Entitlement<Plan>> {
    const paid = await this.#entitlements.current(tenant);
    const plans = paid.flatMap(({ prices }) => prices.flatMap((price) => this.#plans.planOf(price) ?? []));
    const ends = paid.map(({ paidUntil }) => Date.parse(paidUntil));
    return {
      plans: [...new Set(plans)],
      paidUntil: ends.length === 0 ? undefined : new Date(Math.max(...ends)),
      isEnding: paid.length > 0 && paid.every(({ isEnding }) => isEnding),
    };
  }

  /** Whether the tenant has paid for a plan, as {@link entitlement} says. */
  async isEntitled(tenant: string, plan: Plan): Promise<boolean> {
    return (await this.entitlement(tenant)).plans.includes(plan);
  }

  /**
   * Ends what a tenant pays, at the provider too, and forgets the tenant. Repeated after a failure, it does the rest. A
   * customer whose making began later than this call stays.
   *
   * @throws PaymentError
   */
  async erase(tenant: string): Promise<void> {
    const deleted = await this.#customers.deleteAtProvider(tenant);
    if (deleted === undefined) return;
    const { customer, attempt } = deleted;
    await this.#db.transaction(async (tx) => {
      // First, so that a look that begins meanwhile waits for it, and then finds no customer.
      const own = and(eq(paymentCustomers.tenant, tenant), eq(paymentCustomers.attempt, attempt));
      const rows = await tx
        .delete(paymentCustomers)
        .where(own)
        .returning({ tenant: paymentCustomers.tenant });
      if (rows.length > 0) await tx.delete(entitlements).where(eq(entitlements.tenant, tenant));
      await tx.delete(paymentEvents).where(eq(paymentEvents.customer, customer));
    });
  }

  /** Keeps an event; resolves to whether it is still to be handled, also when it came before. */
  keep(tx: Database, event: ProviderEvent): Promise<boolean> {
    return keepEvent(tx, event);
  }

  /**
   * Brings what a customer has paid for up to date with the provider. Events come late, twice and out of order, so
   * none of them is believed: the present state is fetched.
   *
   * @throws PaymentError
   */
  async synchronize(customer: string): Promise<void> {
    const look = await this.#entitlements.begin(customer);
    if (look === undefined) return;
    await this.#entitlements.finish(look, await this.#provider.subscriptions(customer));
  }

  /**
   * Brings every customer up to date whose events were not handled, whose paid time has ended, or who was not looked up
   * for a day; and removes events after their retention. `addPayments` has it done every five minutes.
   *
   * @returns the customers that the provider refused to tell about. They hold up no others, and are asked for again in
   * ten minutes.
   * @throws PaymentError (`payment_unavailable`): the next sweep does the rest.
   */
  async sweep(): Promise<readonly RefusedCustomer[]> {
    await removeOldEvents(this.#db, this.#retentionDays);
    const refused: RefusedCustomer[] = [];
    for (const customer of await dueCustomers(this.#db)) {
      const error = await this.synchronize(customer).catch(unlessUnavailable);
      if (error !== undefined) refused.push({ customer, error });
    }
    return refused;
  }

  async #isLive(customer: string, plan: Plan): Promise<boolean> {
    const subscriptions = await this.#provider.subscriptions(customer);
    return subscriptions.some(({ prices }) => prices.some((price) => this.#plans.planOf(price) === plan));
  }

  /**
   * Ends the other checkouts of the plan. Of two calls at once each sees the other's checkout or comes before it, so two
   * are never left; and what was paid meanwhile is seen after it.
   */
  async #keepOnly(id: string, customer: string, plan: Plan): Promise<void> {
    const all = await this.#provider.openCheckouts(customer);
    const open = all.filter(({ price }) => this.#plans.planOf(price) === plan);
    for (const other of open) if (other.id !== id) await this.#expire(other.id);
    if (await this.#isLive(customer, plan)) {
      await this.#expire(id);
      throw alreadySubscribed(plan);
    }
    if (open.some((each) => each.id === id)) return;
    const message = "the idempotency key stands for a checkout that has ended; use another key";
    throw new PaymentError("payment_conflict", message, { needsNewKey: true });
  }

  #expire(id: string): Promise<void> {
    return this.#provider.expireCheckout(id, { idempotencyKey: `expire:${randomUUID()}` });
  }
}

function alreadySubscribed(plan: string): PaymentError {
  return new PaymentError(
    "already_subscribed",
    `this tenant has a subscription of the plan '${plan}' already`,
  );
}

function unlessUnavailable(error: unknown): PaymentError {
  if (error instanceof PaymentError && error.code !== "payment_unavailable") return error;
  throw error;
}
