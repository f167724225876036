import type { Stripe } from "stripe";
import {
  type IdempotentCall,
  PaymentError,
  type PaymentProvider,
  type ProviderSubscription,
} from "./payment-provider.js";

/** States in which a subscription gives what it stands for; `past_due` is a matter of days, and ends by itself. */
const paidStates: ReadonlySet<string> = new Set(["active", "trialing", "past_due"]);

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
          },
          keyed(call),
        );
        return { id: session.id, url: session.url ?? "" };
      }),
    portal: (customer, returnUrl) =>
      told(async () => {
        const { url } = await stripe.billingPortal.sessions.create({ customer, return_url: returnUrl });
        return { url };
      }),
    subscriptions: (customer) =>
      told(async () => {
        const found: ProviderSubscription[] = [];
        for await (const each of stripe.subscriptions.list({ customer, limit: 100 }))
          found.push(describe(each));
        return found;
      }),
    refund: (payment, amount, call) =>
      told(async () => {
        const params = { payment_intent: payment, ...(amount === undefined ? {} : { amount }) };
        return { id: (await stripe.refunds.create(params, keyed(call))).id };
      }),
  };
}

function keyed({ idempotencyKey }: IdempotentCall): { idempotencyKey: string } {
  return { idempotencyKey };
}

function describe({
  status,
  items,
  cancel_at_period_end: isEnding,
}: Stripe.Subscription): ProviderSubscription {
  const ends = items.data.map((item) => item.current_period_end).filter((end) => typeof end === "number");
  return {
    prices: items.data.map(({ price }) => price.id),
    isPaid: paidStates.has(status),
    paidUntil: ends.length === 0 ? undefined : new Date(Math.max(...ends) * 1000),
    isEnding,
  };
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

function toPaymentError(cause: unknown): PaymentError {
  const { type, statusCode }: { type?: unknown; statusCode?: unknown } = Object(cause);
  if (type === "StripeIdempotencyError") {
    return new PaymentError("payment_conflict", "the idempotency key stands for another call", { cause });
  }
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500 && statusCode !== 429) {
    return new PaymentError("payment_refused", "the payment service refused the call", { cause });
  }
  return new PaymentError("payment_unavailable", "the payment service did not answer", { cause });
}
