import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import {
  drainAfterError,
  forbidden,
  HttpError,
  keepNoAnswers,
  mountRoutes,
  problemHandler,
  type Route,
  route,
  unauthorized,
} from "../../http/index.js";
import type { Webhooks } from "../webhooks.js";

/** What a route of webhooks does. */
export type WebhookPermission = "read" | "write";

/**
 * Decides about one request before any of its content is read: which tenant's webhooks it may see or change. `false`
 * is answered with 401 when the request has no `Authorization`, else with 403.
 */
export type AuthorizeWebhooks = (
  request: FastifyRequest,
  permission: WebhookPermission,
) => false | { readonly tenant: string } | Promise<false | { readonly tenant: string }>;

const date = z.date().meta({ type: "string", format: "date-time" });
const subscription = z.object({
  id: z.string(),
  url: z.string(),
  events: z.array(z.string()),
  description: z.string(),
  isPaused: z.boolean(),
  provedAt: date.nullable(),
  disabledAt: date.nullable(),
  disabledReason: z.string().nullable(),
  createdAt: date,
});
const withSecret = z.object({ subscription, secret: z.string() });
const delivery = z.object({
  id: z.string(),
  subscription: z.string(),
  eventId: z.string(),
  eventType: z.string(),
  state: z.enum(["pending", "delivered", "failed"]),
  tries: z.int(),
  nextAttemptAt: date.nullable(),
  createdAt: date,
  finishedAt: date.nullable(),
});
const attempt = z.object({
  number: z.int(),
  at: date,
  status: z.int().nullable(),
  milliseconds: z.int(),
  detail: z.string(),
});
/** NUL is no character of a text column. */
const columnText = z.string().regex(/^[^\0]*$/, "expected text without NUL");
const input = z.strictObject({
  url: z.string().max(2048),
  events: z.array(z.string().max(128)).max(100),
  description: columnText.max(500).optional(),
  isPaused: z.boolean().optional(),
});
const page = z.object({
  subscription: columnText.max(64).optional(),
  limit: z
    .string()
    .regex(/^[1-9][0-9]{0,2}$/)
    .optional(),
  cursor: z.string().max(128).optional(),
});

/** The routes under `/_webhooks`. Each one sees the webhooks of the caller's tenant and of no other. */
export async function webhookRoutes(
  scope: FastifyInstance,
  webhooks: Webhooks,
  authorize: AuthorizeWebhooks,
): Promise<void> {
  keepNoAnswers(scope);
  scope.setErrorHandler(problemHandler(true));
  scope.addHook("onSend", drainAfterError);
  scope.addHook("onSend", async (_request, reply) => {
    reply.header("cache-control", "no-store");
  });
  const tenants = new WeakMap<FastifyRequest, string>();
  const tenantOf = (request: FastifyRequest) => {
    const tenant = tenants.get(request);
    if (tenant === undefined) throw new TypeError("this request was not authorized");
    return tenant;
  };
  mountRoutes(scope, [...subscriptionRoutes(webhooks, tenantOf), ...deliveryRoutes(webhooks, tenantOf)], {
    tag: "webhooks",
    authorize: async (request, permission) => {
      const permitted = await authorize(request, permission as WebhookPermission);
      if (permitted !== false) tenants.set(request, permitted.tenant);
      else if (request.headers.authorization === undefined) throw unauthorized(false);
      else throw forbidden("these credentials do not allow this");
    },
  });
}

type TenantOf = (request: FastifyRequest) => string;

function subscriptionRoutes(webhooks: Webhooks, tenantOf: TenantOf): readonly Route[] {
  const { subscriptions, deliveries } = webhooks;
  return [
    route({
      method: "POST",
      path: "/subscriptions",
      summary: "Adds a subscription; its secret is shown once, and its URL is to be proved",
      permission: "write",
      body: input,
      answers: { 201: withSecret },
      handle: async ({ request, reply, body }) =>
        reply.code(201).send(await subscriptions.add(tenantOf(request), body)),
    }),
    route({
      method: "GET",
      path: "/subscriptions",
      summary: "All subscriptions",
      permission: "read",
      answers: { 200: z.object({ subscriptions: z.array(subscription) }) },
      handle: async ({ request }) => ({ subscriptions: await subscriptions.list(tenantOf(request)) }),
    }),
    route({
      method: "GET",
      path: "/subscriptions/:id",
      summary: "One subscription",
      permission: "read",
      answers: { 200: subscription },
      handle: ({ request }) => subscriptions.get(tenantOf(request), idOf(request)),
    }),
    route({
      method: "PATCH",
      path: "/subscriptions/:id",
      summary: "Changes a subscription; another URL is to be proved anew",
      permission: "write",
      body: input.partial(),
      answers: { 200: subscription },
      handle: async ({ request, body }) => {
        const changed = await subscriptions.change(tenantOf(request), idOf(request), body);
        webhooks.wake();
        return changed;
      },
    }),
    route({
      method: "DELETE",
      path: "/subscriptions/:id",
      summary: "Removes a subscription and its deliveries",
      permission: "write",
      answers: { 204: z.undefined() },
      handle: async ({ request, reply }) => {
        await subscriptions.remove(tenantOf(request), idOf(request));
        return reply.code(204).send();
      },
    }),
    route({
      method: "POST",
      path: "/subscriptions/:id/prove",
      summary: "Sends the challenge to the URL; deliveries begin when it is answered",
      permission: "write",
      answers: { 200: subscription },
      handle: ({ request }) => webhooks.prove(tenantOf(request), idOf(request)),
    }),
    route({
      method: "POST",
      path: "/subscriptions/:id/rotate",
      summary: "Makes another secret; each one before it signs for a day more",
      permission: "write",
      answers: { 200: withSecret },
      handle: ({ request }) => subscriptions.rotate(tenantOf(request), idOf(request)),
    }),
    route({
      method: "POST",
      path: "/subscriptions/:id/test",
      summary: "Sends a test event",
      permission: "write",
      answers: { 202: delivery },
      handle: async ({ request, reply }) => {
        const made = await deliveries.test(await subscriptions.row(tenantOf(request), idOf(request)));
        webhooks.wake();
        return reply.code(202).send(made);
      },
    }),
    route({
      method: "POST",
      path: "/subscriptions/:id/redeliver",
      summary: "Delivers all events again that were made since a time",
      permission: "write",
      body: z.strictObject({ since: z.iso.datetime({ offset: true }) }),
      answers: { 202: z.object({ deliveries: z.int() }) },
      handle: async ({ request, reply, body }) => {
        const { id } = await subscriptions.get(tenantOf(request), idOf(request));
        const made = await deliveries.redeliverSince(tenantOf(request), id, new Date(body.since));
        webhooks.wake();
        return reply.code(202).send({ deliveries: made });
      },
    }),
  ];
}

function deliveryRoutes(webhooks: Webhooks, tenantOf: TenantOf): readonly Route[] {
  const { deliveries } = webhooks;
  return [
    route({
      method: "GET",
      path: "/deliveries",
      summary: "The newest deliveries; nextCursor of a page leads to older ones",
      permission: "read",
      query: page,
      answers: { 200: z.object({ deliveries: z.array(delivery), nextCursor: z.string().optional() }) },
      handle: ({ request, query }) =>
        deliveries.page(tenantOf(request), { ...query, limit: Number(query.limit ?? 100) }),
    }),
    route({
      method: "GET",
      path: "/deliveries/:id",
      summary: "One delivery with its attempts",
      permission: "read",
      answers: { 200: delivery.extend({ attempts: z.array(attempt) }) },
      handle: ({ request }) => deliveries.get(tenantOf(request), idOf(request)),
    }),
    route({
      method: "POST",
      path: "/deliveries/:id/redeliver",
      summary: "Delivers an event again, with the same id",
      permission: "write",
      answers: { 202: delivery },
      handle: async ({ request, reply }) => {
        const made = await deliveries.redeliver(tenantOf(request), idOf(request));
        webhooks.wake();
        return reply.code(202).send(made);
      },
    }),
  ];
}

function idOf({ params }: FastifyRequest): string {
  const id = String(Object(params).id);
  if (id.includes("\0")) throw new HttpError(404, "not_found", "no id holds NUL");
  return id;
}
