import { randomUUID } from "node:crypto";
import { and, eq, isNull } from "drizzle-orm";
import type { Database } from "../sql/index.js";
import { PaymentError, type PaymentProvider } from "./payment-provider.js";
import { paymentCustomers } from "./schema.js";

type Row = typeof paymentCustomers.$inferSelect;

/** The customer of each tenant at the provider. */
export class Customers {
  readonly #db: Database;
  readonly #provider: PaymentProvider;

  constructor(db: Database, provider: PaymentProvider) {
    this.#db = db;
    this.#provider = provider;
  }

  /** The tenant's customer, made with the first call and never twice. */
  async ensure(tenant: string, email: string | undefined): Promise<string> {
    const row = (await this.#row(tenant)) ?? (await this.#begin(tenant, email));
    if (row.customer !== null) return row.customer;
    const customer = await this.#create(row);
    const kept = await this.#db
      .update(paymentCustomers)
      .set({ customer, email: null })
      .where(and(eq(paymentCustomers.tenant, tenant), eq(paymentCustomers.attempt, row.attempt)))
      .returning({ tenant: paymentCustomers.tenant });
    if (kept.length > 0) return customer;
    await this.#provider.deleteCustomer(customer);
    throw new PaymentError("payment_conflict", "the tenant was erased meanwhile");
  }

  async find(tenant: string): Promise<string | undefined> {
    return (await this.#row(tenant))?.customer ?? undefined;
  }

  /**
   * Deletes the customer at the provider, also one whose making was never answered. Its row stays.
   *
   * @returns the customer and the attempt that made it; a later attempt has made another customer.
   */
  async deleteAtProvider(
    tenant: string,
  ): Promise<{ readonly customer: string; readonly attempt: string } | undefined> {
    const row = await this.#row(tenant);
    if (row === undefined) return undefined;
    const customer = row.customer ?? (await this.#create(row));
    await this.#provider.deleteCustomer(customer);
    return { customer, attempt: row.attempt };
  }

  /** Calls at the same time share one attempt, and so get one customer. */
  async #begin(tenant: string, email: string | undefined): Promise<Row> {
    const [row] = await this.#db
      .insert(paymentCustomers)
      .values({ tenant, attempt: randomUUID(), email })
      .onConflictDoUpdate({ target: paymentCustomers.tenant, set: { tenant } })
      .returning();
    if (row === undefined) throw new Error("the database returned no row");
    return row;
  }

  /** The provider keeps its answer to a key, failures included, so a failure that is certain ends the attempt. */
  async #create({ tenant, attempt, email }: Row): Promise<string> {
    try {
      const call = { idempotencyKey: `customer:${attempt}` };
      return await this.#provider.createCustomer(tenant, email ?? undefined, call);
    } catch (error) {
      if (error instanceof PaymentError && error.needsNewKey) await this.#giveUp(tenant, attempt);
      throw error;
    }
  }

  async #giveUp(tenant: string, attempt: string): Promise<void> {
    const { tenant: whose, attempt: which, customer } = paymentCustomers;
    await this.#db
      .delete(paymentCustomers)
      .where(and(eq(whose, tenant), eq(which, attempt), isNull(customer)));
  }

  async #row(tenant: string): Promise<Row | undefined> {
    const [row] = await this.#db.select().from(paymentCustomers).where(eq(paymentCustomers.tenant, tenant));
    return row;
  }
}
