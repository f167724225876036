import { randomUUID } from "node:crypto";
import { z } from "zod";
import {
  type AttemptOptions,
  defineJob,
  type JobDefinition,
  type JobQueue,
  type RelayedWork,
} from "../jobs/index.js";
import type { Database } from "../sql/index.js";
import type { WebhookEvent, Webhooks } from "../webhooks/index.js";
import { type EventDefinition, type EventEnvelope, EventError } from "./define-event.js";

/** Handles events of some kinds, as a job of its own, so that a consumer that fails holds up no other. */
export interface EventConsumer {
  /** Types that it hears of. */
  readonly types: readonly string[];
  readonly job: JobDefinition<EventEnvelope>;
}

/** Where published events go on to. */
export interface EventTargets {
  readonly queue: () => JobQueue;
  readonly db: () => Database;
  /** Hands events to webhooks with a transaction; none where there are no webhooks. */
  readonly webhooks: () => Pick<Webhooks, "dispatchIn" | "wake"> | undefined;
}

/** The tenant of an event, and what it is about. */
export interface PublishOptions {
  readonly tenant: string;
  /** Events of one subject reach the queue in the order in which they were published. */
  readonly subject: string;
}

const envelope = z.object({
  id: z.string(),
  type: z.string(),
  version: z.int(),
  tenant: z.string(),
  subject: z.string(),
  occurredAt: z.iso.datetime(),
  data: z.json(),
});

/** The events of one service: what kinds there are, who hears of them, and how they are published. */
export class Events {
  readonly #definitions: ReadonlyMap<string, EventDefinition<never>>;
  readonly #consumers: readonly EventConsumer[];
  readonly #targets: EventTargets;
  readonly #relay: JobDefinition<EventEnvelope>;
  #areJobsTaken = false;

  constructor(
    definitions: readonly EventDefinition<never>[],
    consumers: readonly EventConsumer[],
    targets: EventTargets,
  ) {
    this.#definitions = new Map(definitions.map((each) => [each.type, each]));
    if (this.#definitions.size < definitions.length) throw new TypeError("an event type is defined twice");
    this.#consumers = consumers;
    this.#targets = targets;
    const job = defineJob("svc-infra.event", envelope, (event) => this.#fanOutOne(event), { attempts: 20 });
    const relay: RelayedWork = {
      problemOf: ({ payload }) => this.#problemOf(String(Object(payload).type)),
      run: (jobs, tx) => {
        const published = jobs.map(({ payload, traceparent }) => ({
          event: envelope.parse(payload),
          traceparent,
        }));
        return this.#fanOut(published, tx);
      },
    };
    this.#relay = Object.freeze({ ...job, relay });
  }

  /** The jobs that relay events and handle them: give them to `addJobs`. */
  get jobs(): readonly JobDefinition<never>[] {
    this.#areJobsTaken = true;
    return [this.#relay, ...this.#consumers.map(({ job }) => job)];
  }

  /** @internal Whether anybody has asked for the jobs. Without them no event of this process is relayed by it. */
  get areJobsTaken(): boolean {
    return this.#areJobsTaken;
  }

  /** The kinds of events, in the order of their types. */
  get definitions(): readonly EventDefinition<never>[] {
    return [...this.#definitions.values()].sort((a, b) => (a.type < b.type ? -1 : 1));
  }

  /**
   * Publishes an event with the caller's transaction: it is a row of the outbox, and is relayed at least once when the
   * transaction commits, and never when it is rolled back.
   *
   * @returns the id of the event.
   * @throws EventError when the data breaks the schema or the kind is unknown here.
   * @example
   * await db.transaction(async (tx) => {
   *   await tx.update(invoices).set({ paid: true });
   *   await events.publish(tx, invoicePaid, { amount: 12 }, { tenant: "acme", subject: "invoice/17" });
   * });
   */
  async publish<Input>(
    tx: Database,
    definition: EventDefinition<Input>,
    data: NoInfer<Input>,
    { tenant, subject }: PublishOptions,
  ): Promise<string> {
    const { type, version } = definition;
    if (this.#definitions.get(type) !== (definition as EventDefinition<never>)) throw unknown(type);
    const event = {
      id: `evt_${randomUUID()}`,
      type,
      version,
      tenant,
      subject,
      occurredAt: new Date().toISOString(),
      data: asJson(type, definition.check(data)),
    };
    await this.#targets.queue().enqueueIn(tx, this.#relay, event, { key: `${tenant}/${subject}` });
    return event.id;
  }

  /** An older version, in a process without these definitions, relayed it into the queue. */
  async #fanOutOne(event: EventEnvelope): Promise<void> {
    const problem = this.#problemOf(event.type);
    if (problem !== undefined) throw problem;
    const wake = await this.#targets.db().transaction((tx) => this.#fanOut([{ event }], tx));
    wake();
  }

  /** Leaves the work of each consumer, and deliveries to subscribers, with the transaction. */
  async #fanOut(published: readonly PublishedEvent[], tx: Database): Promise<() => void> {
    const queue = this.#targets.queue();
    for (const { event, traceparent } of published) {
      const options = { key: `${event.tenant}/${event.subject}`, traceparent };
      for (const { types, job } of this.#consumers) {
        if (types.includes(event.type)) await queue.enqueueIn(tx, job, event, options);
      }
    }
    const webhooks = this.#targets.webhooks();
    const told = published.map(({ event }) => event).filter(({ type }) => this.#isPublic(type));
    const made = (await webhooks?.dispatchIn(tx, told.map(toWebhookEvent))) ?? 0;
    return () => (made > 0 ? webhooks?.wake() : undefined);
  }

  /** In a rolling deploy an older process may see a kind that only newer ones know: it must leave it to them. */
  #problemOf(type: string): EventError | undefined {
    return this.#definitions.has(type) ? undefined : unknown(type);
  }

  #isPublic(type: string): boolean {
    return this.#definitions.get(type)?.isPublic === true;
  }
}

/** An event and the span that published it. */
interface PublishedEvent {
  readonly event: EventEnvelope;
  readonly traceparent?: string | undefined;
}

function unknown(type: string): EventError {
  return new EventError("event_unknown", `the event '${type}' is not among those that addEvents was given`);
}

/**
 * As it is kept: a date as its text, an object without members that are `undefined`.
 *
 * @throws EventError for what JSON would drop or turn into something else.
 */
function asJson(type: string, data: unknown): unknown {
  const checked = (name: string, value: unknown) => {
    if (isJson(value)) return value;
    const place = name === "" ? "the data" : `'${name}'`;
    throw new EventError("event_invalid", `${place} of the event '${type}' is nothing that JSON can keep`);
  };
  return JSON.parse(JSON.stringify(data, checked) ?? "null");
}

function isJson(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return !["bigint", "function", "symbol"].includes(typeof value);
  return [Object.prototype, null].includes(Object.getPrototypeOf(value));
}

function toWebhookEvent({ occurredAt, subject: _, ...event }: EventEnvelope): WebhookEvent {
  return { ...event, occurredAt: new Date(occurredAt) };
}

/**
 * A consumer of one kind of event.
 *
 * @param name - of its job; stays the same as long as events wait for it.
 * @param handler - can run more than once for one event.
 * @param options - how often it is tried. Default: for about three days, with waits that double from a second.
 */
export function onEvent<Input>(
  definition: EventDefinition<Input>,
  name: string,
  handler: (event: EventEnvelope<Input>) => unknown,
  options: AttemptOptions = { attempts: 19 },
): EventConsumer {
  const handle = (event: unknown) => handler(event as EventEnvelope<Input>);
  const job = defineJob(name, envelope, handle, options);
  return { types: [definition.type], job: job as JobDefinition<EventEnvelope> };
}
