import { z } from "zod";
import { checkGivenOptions, type OptionRules } from "../kernel/index.js";

/** An event as consumers get it. */
export interface EventEnvelope<Data = unknown> {
  /** The same for ever and in every delivery: a consumer that knows it has seen the event. */
  readonly id: string;
  readonly type: string;
  readonly version: number;
  /** Whose event it is; webhooks of other tenants never hear of it. */
  readonly tenant: string;
  /** What it is about, such as `invoice/17`: events of one subject are relayed in their order. */
  readonly subject: string;
  /** ISO 8601, in UTC. */
  readonly occurredAt: string;
  readonly data: Data;
}

/** A kind of event; made by {@link defineEvent}. */
export interface EventDefinition<Input = unknown> {
  readonly type: string;
  readonly version: number;
  /** Whether webhooks may carry it. */
  readonly isPublic: boolean;
  readonly schema: z.ZodType;
  /** Returns the data as the schema made it. @throws EventError when it breaks the schema. */
  check(data: Input): unknown;
}

/** Options of {@link defineEvent}. */
export interface EventOptions {
  /** Rises when the schema changes in a way that consumers must know. Default: 1. */
  readonly version?: number;
  /** Whether webhooks carry it to subscribers. Default: true. */
  readonly isPublic?: boolean;
}

/** Data that breaks the schema of its event, or an event that nothing defines. */
export class EventError extends Error {
  override readonly name = "EventError";
  readonly code: "event_invalid" | "event_unknown";
  readonly statusCode = 500;

  constructor(code: "event_invalid" | "event_unknown", message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const rules: OptionRules<EventOptions> = {
  call: "defineEvent",
  kinds: { version: "number", isPublic: "boolean" },
  instead: { public: "isPublic" },
};

const form = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/;

/**
 * Describes a kind of event: its type, and what its data must be.
 *
 * @param type - lower-case words with dots between them, the thing first: `invoice.paid`.
 * @param schema - checks the data when the event is published. Data is kept as JSON, in which a `Date` is text.
 * @throws TypeError for another form of the type.
 * @example
 * const invoicePaid = defineEvent("invoice.paid", z.object({ amount: z.int() }), { version: 2 });
 */
export function defineEvent<Schema extends z.ZodType>(
  type: string,
  schema: Schema,
  options: EventOptions = {},
): EventDefinition<z.input<Schema>> {
  checkGivenOptions(options, rules);
  const { version = 1, isPublic = true } = options;
  if (!form.test(type) || type.length > 100) {
    throw new TypeError(
      `the event type '${type}' must be lower-case words with dots between, like invoice.paid`,
    );
  }
  return Object.freeze({
    type,
    version,
    isPublic,
    schema,
    check: (data: z.input<Schema>) => {
      const parsed = schema.safeParse(data);
      if (parsed.success) return parsed.data;
      const message = `the data of event '${type}' breaks its schema: ${z.prettifyError(parsed.error)}`;
      throw new EventError("event_invalid", message, { cause: parsed.error });
    },
  });
}
