import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import fastifyPlugin from "fastify-plugin";
import { type AnyApp, type AnyRequest, appOf, fastifyOf, withoutRegisterOptions } from "../http/index.js";
import { getJobs } from "../jobs/index.js";
import { ConfigurationError, checkGivenOptions, type OptionRules } from "../kernel/index.js";
import { getSqlDb } from "../sql/index.js";
import type { EventDefinition } from "./define-event.js";
import { type EventConsumer, Events } from "./events.js";
import { ObjectEvents, objectEvents, type TenantOfKey } from "./object-events.js";

declare module "fastify" {
  interface FastifyInstance {
    /** The events that `addEvents` added. */
    events: Events;
    /** What `addStorage` tells of objects; there when `addEvents` was given one of `objectEvents`. */
    objectNews: ObjectEvents | undefined;
  }
}

/** Options of {@link addEvents}. */
export interface AddEventsOptions {
  /** The kinds of events that this service publishes. */
  readonly events: readonly EventDefinition<never>[];
  /** Who hears of them besides webhooks. */
  readonly consumers?: readonly EventConsumer[] | undefined;
  /**
   * The tenant of an object's key, for `objectEvents`: its webhooks hear of the object. Where every key begins with its
   * tenant it is `(key) => key.split("/", 1)[0]`. Default: no tenant, so that jobs alone hear of objects.
   */
  readonly tenantOfKey?: TenantOfKey | undefined;
  /**
   * `false` says that the service has no webhooks. Otherwise a process without `addWebhooks` warns when it is ready, as
   * the public events that it relays reach no subscriber.
   */
  readonly webhooks?: false | undefined;
}

const rules: OptionRules<AddEventsOptions> = {
  call: "addEvents",
  kinds: { events: "array", consumers: "array", tenantOfKey: "function", webhooks: "boolean" },
  needed: ["events"],
};

/**
 * Gives an app events: typed, published with a transaction, relayed to jobs and webhooks. Decorates the app with
 * `app.events`. Its jobs are given to `addJobs`, which comes after it.
 *
 * @example
 * await addSqlDb(app);
 * const events = await addEvents(app, { events: [invoicePaid] });
 * await addJobs(app, { jobs: [...events.jobs] });
 */
export async function addEvents(app: AnyApp, options: AddEventsOptions): Promise<Events> {
  const fastify = fastifyOf(app);
  await fastify.register(eventsPlugin, options);
  return fastify.events;
}

/** {@link addEvents} as a plugin. */
export const eventsPlugin: FastifyPluginAsync<AddEventsOptions> = fastifyPlugin(
  async (app: FastifyInstance, options: AddEventsOptions) => {
    checkGivenOptions(withoutRegisterOptions(options), rules);
    const { events, consumers = [], tenantOfKey = () => undefined } = options;
    const added = new Events(events, consumers, {
      queue: () => getJobs(app).queue,
      db: () => getSqlDb(app).db,
      webhooks: () => (app.hasDecorator("webhooks") ? app.webhooks : undefined),
    });
    app.decorate("events", added);
    const ofObjects: readonly object[] = Object.values(objectEvents);
    const hasObjects = events.some((each) => ofObjects.includes(each));
    const news = new ObjectEvents(added, () => getSqlDb(app).db, tenantOfKey);
    app.decorate("objectNews", hasObjects ? news : undefined);
    app.addHook("onReady", async () => warnWithoutRelay(app, added));
    if (options.webhooks !== false) app.addHook("onReady", async () => warnWithoutWebhooks(app, events));
    const heard = { consumers: consumers.length, webhooks: app.hasDecorator("webhooks") };
    app.log.info(
      heard,
      `events are ${events.map(({ type }) => type).join(", ")}: option 'events' names them`,
    );
  },
  { name: "svc-infra/events", fastify: "5.x" },
);

/** Events that no process relays wait in the outbox, and nothing fails. */
function warnWithoutRelay(app: FastifyInstance, { areJobsTaken }: Events): void {
  if (areJobsTaken || !app.hasDecorator("jobs")) return;
  app.log.warn("this process does not relay its events: give addJobs the option 'jobs: [...events.jobs]'");
}

/** The relay of any process takes the events of all: one without webhooks makes no deliveries of them. */
function warnWithoutWebhooks(app: FastifyInstance, events: AddEventsOptions["events"]): void {
  const types = events.filter(({ isPublic }) => isPublic).map(({ type }) => type);
  if (types.length === 0 || app.hasDecorator("webhooks")) return;
  const remedy =
    "call 'await addWebhooks(app, { deliver: false })', or give addEvents the option 'webhooks: false' if the service has none";
  app.log.warn({ types }, `public events that this process relays reach no webhook: ${remedy}`);
}

/**
 * The events of an app, or of the app that a request came to.
 *
 * @throws ConfigurationError when none were added.
 *
 * @example
 * const events = getEvents(request);
 */
export function getEvents(from: AnyApp | AnyRequest): Events {
  const app = appOf(from);
  if (app.hasDecorator("events")) return app.events;
  const message = "there are no events here; call 'await addEvents(app, { events })' first";
  throw new ConfigurationError([{ name: "app.events", message }]);
}
