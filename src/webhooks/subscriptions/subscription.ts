/** A subscription as its tenant sees it: without its secret. */
export interface Subscription {
  readonly id: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly description: string;
  readonly isPaused: boolean;
  /** When the URL answered the challenge; nothing is delivered before. */
  readonly provedAt: Date | null;
  readonly disabledAt: Date | null;
  readonly disabledReason: string | null;
  readonly createdAt: Date;
}

/** What a tenant says of a subscription. */
export interface SubscriptionInput {
  readonly url: string;
  /** Types or patterns such as `invoice.*`. */
  readonly events: readonly string[];
  readonly description?: string | undefined;
  readonly isPaused?: boolean | undefined;
}

/** What a tenant changes of a subscription; what is not given stays. */
export type SubscriptionChanges = {
  readonly [Name in keyof SubscriptionInput]?: SubscriptionInput[Name] | undefined;
};

/** A subscription that was disabled, as its owner is told of it. */
export interface DisabledSubscription {
  readonly id: string;
  readonly tenant: string;
  readonly url: string;
  readonly reason: string;
  /** With the id it tells a call that is repeated from another time at which it was disabled. */
  readonly disabledAt: Date;
}

/** A subscription and its secret, which is shown once. */
export interface SubscriptionWithSecret {
  readonly subscription: Subscription;
  readonly secret: string;
}
