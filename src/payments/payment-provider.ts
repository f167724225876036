/** One subscription of a customer, as it is now. */
export interface ProviderSubscription {
  readonly prices: readonly string[];
  /** Until when it is paid or on trial; `undefined` when it gives nothing. */
  readonly paidUntil: Date | undefined;
  /** Whether it ends with the time that is paid. */
  readonly isEnding: boolean;
}

/** One call to the provider is done once for one key, however often it is sent. */
export interface IdempotentCall {
  /** At most 255 characters; the same for the same purpose. */
  readonly idempotencyKey: string;
}

/** What a customer is to pay. */
export interface CheckoutRequest {
  readonly customer: string;
  readonly price: string;
  readonly quantity: number;
  readonly successUrl: string;
  readonly cancelUrl: string;
}

/** A checkout that can still be paid. */
export interface OpenCheckout {
  readonly id: string;
  readonly price: string | undefined;
}

/** A payment service: what {@link Payments} needs of it. Failures are {@link PaymentError}s. */
export interface PaymentProvider {
  createCustomer(tenant: string, email: string | undefined, call: IdempotentCall): Promise<string>;
  checkout(
    request: CheckoutRequest,
    call: IdempotentCall,
  ): Promise<{ readonly id: string; readonly url: string }>;
  openCheckouts(customer: string): Promise<readonly OpenCheckout[]>;
  /** Expires a checkout, so that it can be paid no more; one that is paid or expired already is no failure. */
  expireCheckout(id: string, call: IdempotentCall): Promise<void>;
  /** Ends all subscriptions of a customer and forgets them; one that is gone is no failure, so it needs no key. */
  deleteCustomer(customer: string): Promise<void>;
  portal(customer: string, returnUrl: string, call: IdempotentCall): Promise<{ readonly url: string }>;
  /** All subscriptions of a customer that have not ended, paid or not. */
  subscriptions(customer: string): Promise<readonly ProviderSubscription[]>;
  /** Gives money back; all of the payment without an amount, which is in the smallest unit of the currency. */
  refund(payment: string, amount: number | undefined, call: IdempotentCall): Promise<{ readonly id: string }>;
}

/** Kinds of failure of a payment. */
export type PaymentErrorCode =
  | "payment_refused"
  | "payment_unavailable"
  | "payment_conflict"
  | "already_subscribed"
  | "no_customer";

const statusOfCode = {
  payment_refused: 402,
  payment_conflict: 409,
  already_subscribed: 409,
  no_customer: 404,
  payment_unavailable: 503,
} as const;

/** A call to the provider that failed; its own error is the `cause`. */
export class PaymentError extends Error {
  override readonly name = "PaymentError";
  readonly code: PaymentErrorCode;
  readonly statusCode: number;
  /**
   * Whether the provider certainly gives this answer to the same key again. Where it is false, the call may have been
   * done, and is sent again with the same key.
   */
  readonly needsNewKey: boolean;

  constructor(
    code: PaymentErrorCode,
    message: string,
    { needsNewKey = false, ...options }: ErrorOptions & { readonly needsNewKey?: boolean } = {},
  ) {
    super(message, options);
    this.code = code;
    this.statusCode = statusOfCode[code];
    this.needsNewKey = needsNewKey;
  }
}
