import { createHash } from "node:crypto";
import type { Stripe } from "stripe";
import {
  type IdempotentCall,
  type OpenCheckout,
  PaymentError,
  type PaymentProvider,
  type ProviderSubscription,
} from "./payment-provider.js";

/** States in which the present period is paid, or free. */
const paidStates: ReadonlySet<string> = new Set(["active", "trialing"]);

/** States in which a subscription can never be paid again. */
const endedStates: ReadonlySet<string> = new Set(["canceled", "incomplete_expired"]);

/** Stripe, by its official SDK, which sends each idempotency key again with each retry. */
export function stripeProvider(stripe: Stripe): PaymentProvider {
  return {
    createCustomer: (tenant, email, call) =>
      told(async () => {
        const params = { metadata: { tenant }, ...(email === undefined ? {} : { email }) };
        return (await stripe.customers.create(params, keyed(call))).id;
      }),
    deleteCustomer: (customer) =>
      told(async () => {
        await stripe.customers.del(customer).catch(unlessGone);
      }),
    checkout: ({ customer, price, quantity, successUrl, cancelUrl }, call) =>
      told(async () => {
        const session = await stripe.checkout.sessions.create(
          {
            mode: "subscription",
            customer,
            line_items: [{ price, quantity }],
            success_url: successUrl,
            cancel_url: cancelUrl,
            metadata: { price },
          },
          keyed(call),
        );
        return { id: session.id, url: session.url ?? "" };
      }),
    openCheckouts: (customer) =>
      told(async () => {
        const found: OpenCheckout[] = [];
        const query = { customer, status: "open", limit: 100 } as const;
        for await (const { id, metadata } of stripe.checkout.sessions.list(query))
          found.push({ id, price: metadata?.price });
        return found;
      }),
    expireCheckout: (id, call) =>
      told(async () => {
        await stripe.checkout.sessions.expire(id, {}, keyed(call)).catch(unlessEnded);
      }),
    portal: (customer, returnUrl, call) =>
      told(async () => {
        const params = { customer, return_url: returnUrl };
        return { url: (await stripe.billingPortal.sessions.create(params, keyed(call))).url };
      }),
    subscriptions: (customer) =>
      told(async () => {
        const found: ProviderSubscription[] = [];
        for await (const each of stripe.subscriptions.list({ customer, limit: 100 }))
          if (!endedStates.has(each.status)) found.push(describe(each, await paidUntil(stripe, each)));
        return found;
      }),
    refund: (payment, amount, call) =>
      told(async () => {
        const params = { payment_intent: payment, ...(amount === undefined ? {} : { amount }) };
        return { id: (await stripe.refunds.create(params, keyed(call))).id };
      }),
  };
}

/** Stripe takes 255 characters, and a header field takes ASCII. */
function keyed({ idempotencyKey: key }: IdempotentCall): { idempotencyKey: string } {
  const isSendable = /^[!-~]{1,255}$/.test(key);
  return { idempotencyKey: isSendable ? key : createHash("sha256").update(key).digest("hex") };
}

function describe(subscription: Stripe.Subscription, until: Date | undefined): ProviderSubscription {
  const prices = subscription.items.data.map(({ price }) => price.id);
  return { prices, paidUntil: until, isEnding: endsWithPeriod(subscription) };
}

/** With flexible billing the portal sets `cancel_at` alone. One that is later leaves periods that are still to be paid. */
function endsWithPeriod({ items, cancel_at, cancel_at_period_end }: Stripe.Subscription): boolean {
  if (cancel_at_period_end || cancel_at === null) return cancel_at_period_end;
  return items.data.every((item) => cancel_at <= item.current_period_end);
}

/**
 * The periods of a subscription go on while they are not paid. So while it is `past_due`, what its last paid invoice was
 * for counts: the period that the invoice began. Lines for a time before the invoice settle what was changed or used then.
 */
async function paidUntil(
  stripe: Stripe,
  { id, status, items }: Stripe.Subscription,
): Promise<Date | undefined> {
  if (paidStates.has(status)) return earliest(items.data.map((item) => item.current_period_end));
  if (status !== "past_due") return undefined;
  const { data } = await stripe.invoices.list({ subscription: id, status: "paid", limit: 1 });
  const [invoice] = data;
  const ends = (invoice?.lines.data ?? []).map(({ period }) => period.end);
  const ahead = ends.filter((end) => end > (invoice?.created ?? 0));
  return earliest(ahead.length > 0 ? ahead : ends);
}

function earliest(seconds: readonly number[]): Date | undefined {
  return seconds.length === 0 ? undefined : new Date(Math.min(...seconds) * 1000);
}

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toPaymentError(error);
  }
}

function unlessGone(error: unknown): void {
  if (Object(error).statusCode !== 404) throw error;
}

/** A checkout that was paid or has expired cannot expire. */
function unlessEnded(error: unknown): void {
  if (![400, 404].includes(Object(error).statusCode)) throw error;
}

/** Why Stripe did not come to the call; none of these answers is kept for the idempotency key. */
const unheardReasons: Readonly<Record<number, string>> = {
  401: "the payment service does not take the key of this application",
  403: "the key of this application does not allow the call",
  409: "the payment service is still at an earlier call",
  429: "the payment service is too busy",
};

function toPaymentError(cause: unknown): PaymentError {
  const { type, statusCode: status }: { type?: unknown; statusCode?: unknown } = Object(cause);
  if (typeof status !== "number") {
    return new PaymentError("payment_unavailable", "the payment service did not answer", { cause });
  }
  const unheard = unheardReasons[status];
  if (unheard !== undefined) return new PaymentError("payment_unavailable", unheard, { cause });
  const options = { cause, needsNewKey: isKept(status, Object(Object(cause).headers)) };
  if (type === "StripeIdempotencyError") {
    return new PaymentError("payment_conflict", "the idempotency key stands for another call", options);
  }
  if (status < 500) {
    return new PaymentError("payment_refused", "the payment service refused the call", options);
  }
  return new PaymentError("payment_unavailable", "the payment service failed", options);
}

/**
 * Whether Stripe has the answer for the key again. It keeps answers for a day, those of status 500 as well, once the call has
 * begun; one of 5xx may come from before that, or from a server between, so there its own word is needed. A 404 may come
 * from a wrong address (https://docs.stripe.com/error-low-level).
 */
function isKept(status: number, headers: Readonly<Record<string, unknown>>): boolean {
  if (status < 500) return status !== 404;
  return headers["idempotent-replayed"] === "true" || headers["stripe-should-retry"] === "false";
}
