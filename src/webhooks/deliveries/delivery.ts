/** An event as it is handed to webhooks. */
export interface WebhookEvent {
  /** The same for ever: an event that is dispatched again is delivered once. Holds no dot. */
  readonly id: string;
  readonly type: string;
  /** The version of its data, which subscribers are told beside the type. Default: they are told none. */
  readonly version?: number | undefined;
  /** The tenant whose subscriptions hear of it. */
  readonly tenant: string;
  readonly occurredAt: Date;
  readonly data: unknown;
}

/** One event for one subscription, as its tenant sees it. */
export interface Delivery {
  readonly id: string;
  readonly subscription: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly state: "pending" | "delivered" | "failed";
  readonly tries: number;
  readonly nextAttemptAt: Date | null;
  readonly createdAt: Date;
  readonly finishedAt: Date | null;
}

/**
 * How an attempt ended. `svc-infra:webhooks:attempt` tells it: `delivered` was answered 2xx, `retried` is tried again later,
 * `failed` is not.
 */
export interface WebhookAttempt {
  readonly outcome: "delivered" | "retried" | "failed";
  readonly durationSeconds: number;
}

/** One attempt of a delivery. */
export interface DeliveryAttempt {
  readonly number: number;
  readonly at: Date;
  readonly status: number | null;
  readonly milliseconds: number;
  /** The first KiB of the answer, or why there was none. */
  readonly detail: string;
}
