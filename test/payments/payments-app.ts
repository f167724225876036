import Fastify, { type FastifyInstance } from "fastify";
import { addJobs } from "svc-infra/jobs";
import { type AddedPayments, addPayments } from "svc-infra/payments";
import { addSqlDb } from "svc-infra/sql";
import * as outboxSchema from "#dist/jobs/outbox/outbox-table.js";
import * as schema from "#dist/payments/schema.js";
import { StripeDouble } from "../rigs/stripe-double.js";
import { createTables } from "../webhooks/create-tables.js";

/** Of the prices of a plan the first is sold. */
export const plans = { pro: ["price_pro", "price_pro_old"], team: "price_team" } as const;

export type Plan = keyof typeof plans;

export const account = { key: "sk_test_of_this_test", webhookSecret: "whsec_of_this_test" };

export const urls = { successUrl: "https://example.com/yes", cancelUrl: "https://example.com/no" };

export interface PaymentsApp extends AddedPayments<Plan> {
  readonly app: FastifyInstance;
  readonly stripe: StripeDouble;
  /** Hands an event to the route that Stripe posts to. */
  post(event: SignedEvent): Promise<{ readonly statusCode: number }>;
  close(): Promise<void>;
}

export interface SignedEvent {
  readonly body: string;
  readonly headers: Record<string, string>;
}

/** An app with payments and jobs on a database that is empty, and Stripe's double. */
export async function openPaymentsApp({
  timeoutMs = 20_000,
  database = "pglite:memory",
} = {}): Promise<PaymentsApp> {
  const stripe = await new StripeDouble(account).start();
  const app = Fastify();
  const sql = await addSqlDb(app, { url: database, env: {} });
  await createTables(sql, { ...schema, ...outboxSchema });
  const added = await addPayments(app, {
    plans,
    secretKey: account.key,
    webhookSecret: account.webhookSecret,
    apiUrl: stripe.url,
    timeoutMs,
    env: {},
  });
  await addJobs(app, { jobs: [...added.jobs], env: {} });
  await app.ready();
  return {
    ...added,
    app,
    stripe,
    post: ({ body, headers }) =>
      app.inject({ method: "POST", url: "/_webhooks/stripe", headers, payload: body }),
    close: async () => {
      await app.close();
      stripe.stop();
    },
  };
}
