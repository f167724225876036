import { eq, sql as statement } from "drizzle-orm";
import type { Database } from "../sql/index.js";
import {
  type CheckoutRequest,
  type IdempotentCall,
  PaymentError,
  type PaymentProvider,
} from "./payment-provider.js";
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
}

/** An event of the provider: what it is about is looked up, so that its order does not matter. */
export interface ProviderEvent {
  readonly id: string;
  readonly type: string;
  readonly customer: string | undefined;
}

/** Payments of the tenants of a service. */
export class Payments<Plan extends string = string> {
  readonly #db: Database;
  readonly #provider: PaymentProvider;
  readonly #planOfPrice: ReadonlyMap<string, Plan>;
  readonly #priceOfPlan: Readonly<Record<Plan, string>>;

  constructor(db: Database, provider: PaymentProvider, plans: Readonly<Record<Plan, string>>) {
    this.#db = db;
    this.#provider = provider;
    this.#priceOfPlan = plans;
    this.#planOfPrice = new Map(Object.entries(plans).map(([plan, price]) => [String(price), plan as Plan]));
  }

  /** The tenant's customer, made with the first call and never twice. */
  async customerOf(tenant: string, email?: string): Promise<string> {
    const known = await this.#knownCustomer(tenant);
    if (known !== undefined) return known;
    const customer = await this.#provider.createCustomer(tenant, email, {
      idempotencyKey: `customer:${tenant}`,
    });
    await this.#db.insert(paymentCustomers).values({ tenant, customer }).onConflictDoNothing();
    return (await this.#knownCustomer(tenant)) ?? customer;
  }

  /**
   * Begins a checkout; the caller sends the browser to its URL.
   *
   * @throws PaymentError
   */
  async checkout(
    tenant: string,
    checkout: TenantCheckout<Plan>,
  ): Promise<{ readonly id: string; readonly url: string }> {
    const { plan, quantity = 1, successUrl, cancelUrl, idempotencyKey } = checkout;
    const customer = await this.customerOf(tenant);
    const request: CheckoutRequest = {
      customer,
      price: this.#priceOfPlan[plan],
      quantity,
      successUrl,
      cancelUrl,
    };
    return this.#provider.checkout(request, { idempotencyKey: `checkout:${tenant}:${idempotencyKey}` });
  }

  /** A page of the provider on which the tenant changes its subscription. @throws PaymentError (`no_customer`) */
  async portal(tenant: string, returnUrl: string): Promise<{ readonly url: string }> {
    return this.#provider.portal(await this.#existingCustomer(tenant), returnUrl);
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

  /** What the tenant has paid for, from the application's own database. */
  async entitlement(tenant: string): Promise<Entitlement<Plan>> {
    const [row] = await this.#db.select().from(entitlements).where(eq(entitlements.tenant, tenant));
    const plans = (row?.prices ?? []).flatMap((price) => this.#planOfPrice.get(price) ?? []);
    return { plans, paidUntil: row?.paidUntil ?? undefined, isEnding: row?.isEnding ?? false };
  }

  /** Whether the tenant has paid for a plan. */
  async isEntitled(tenant: string, plan: Plan): Promise<boolean> {
    return (await this.entitlement(tenant)).plans.includes(plan);
  }

  /**
   * Ends what a tenant pays, at the provider too, and forgets the tenant. Repeated after a failure, it does the rest.
   *
   * @throws PaymentError
   */
  async erase(tenant: string): Promise<void> {
    const customer = await this.#knownCustomer(tenant);
    if (customer !== undefined) await this.#provider.deleteCustomer(customer);
    await this.#db.transaction(async (tx) => {
      await tx.delete(entitlements).where(eq(entitlements.tenant, tenant));
      if (customer !== undefined) await tx.delete(paymentEvents).where(eq(paymentEvents.customer, customer));
      await tx.delete(paymentCustomers).where(eq(paymentCustomers.tenant, tenant));
    });
  }

  /** Keeps an event; resolves to whether it came for the first time. */
  async keep(tx: Database, { id, type, customer }: ProviderEvent): Promise<boolean> {
    const rows = await tx
      .insert(paymentEvents)
      .values({ id, type, customer })
      .onConflictDoNothing()
      .returning({ id: paymentEvents.id });
    return rows.length > 0;
  }

  /**
   * Brings what a customer has paid for up to date with the provider. Events come late, twice and out of order, so
   * none of them is believed: the present state is fetched.
   */
  async synchronize(customer: string): Promise<void> {
    const [row] = await this.#db
      .select()
      .from(paymentCustomers)
      .where(eq(paymentCustomers.customer, customer));
    if (row === undefined) return;
    const { tenant } = row;
    const revision = await this.#nextRevision(tenant);
    const paid = (await this.#provider.subscriptions(customer)).filter(({ isPaid }) => isPaid);
    const ends = paid.map(({ paidUntil }) => paidUntil?.getTime() ?? 0);
    await this.#db
      .update(entitlements)
      .set({
        prices: [...new Set(paid.flatMap(({ prices }) => prices))],
        paidUntil: ends.length === 0 ? null : new Date(Math.max(...ends)),
        isEnding: paid.length > 0 && paid.every(({ isEnding }) => isEnding),
      })
      .where(statement`${entitlements.tenant} = ${tenant} and ${entitlements.revision} = ${revision}`);
  }

  /** Taken before the provider is asked: of two looks at once only the later one is written down. */
  async #nextRevision(tenant: string): Promise<number> {
    const [row] = await this.#db
      .insert(entitlements)
      .values({ tenant, prices: [], isEnding: false, revision: 1 })
      .onConflictDoUpdate({
        target: entitlements.tenant,
        set: { revision: statement`${entitlements.revision} + 1` },
      })
      .returning({ revision: entitlements.revision });
    return row?.revision ?? 0;
  }

  async #knownCustomer(tenant: string): Promise<string | undefined> {
    const [row] = await this.#db.select().from(paymentCustomers).where(eq(paymentCustomers.tenant, tenant));
    return row?.customer;
  }

  async #existingCustomer(tenant: string): Promise<string> {
    const customer = await this.#knownCustomer(tenant);
    if (customer !== undefined) return customer;
    throw new PaymentError("no_customer", "this tenant has never paid anything");
  }
}
