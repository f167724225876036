import type { FastifyInstance } from "fastify";
import type { PersonalData } from "../auth/index.js";
import { type AnyApp, type AnyRequest, appOf, fastifyOf, whenDecorated } from "../http/index.js";
import { getJobs, type JobDefinition } from "../jobs/index.js";
import {
  ConfigurationError,
  type Environment,
  loadPeer,
  parseSettings,
  readEnvironment,
  refuseForeignAddress,
} from "../kernel/index.js";
import { getSqlDb } from "../sql/index.js";
import { paymentJobs, sweepEveryMs } from "./payment-jobs.js";
import type { Payments } from "./payments.js";
import type { PlanPrices } from "./plans.js";
import type { ProviderEvent } from "./received-events.js";
import { stripeEvents } from "./routes/stripe-events.js";
import { type PaymentOptions, type PaymentSettings, paymentVariables } from "./settings.js";

declare module "fastify" {
  interface FastifyInstance {
    /** The payments that `addPayments` added. */
    payments: Payments;
  }
}

/** Options of {@link addPayments}. Each setting beats its variable. */
export interface AddPaymentsOptions<Plan extends string> extends PaymentOptions {
  /**
   * The price of each plan at the provider: `{ pro: "price_1234" }`. Of several, as `{ pro: ["price_new", "price_old"] }`, the
   * first is sold, and a tenant that pays another one has the plan as well.
   */
  readonly plans: PlanPrices<Plan>;
  /** Path of the route that takes events. Default: `/_webhooks`, so that Stripe posts to `/_webhooks/stripe`. */
  readonly routesPrefix?: string | undefined;
  /** Default: the process environment over the `.env` file. */
  readonly env?: Environment | undefined;
}

/** Payments of an app, and the jobs that handle events of the provider. */
export interface AddedPayments<Plan extends string> {
  readonly payments: Payments<Plan>;
  /** Give them to `addJobs`, which comes after it. */
  readonly jobs: readonly JobDefinition<never>[];
}

/**
 * Gives an app payments by Stripe: customers, checkouts, portal and refunds for its tenants, and what each tenant has paid
 * for. Decorates the app with `app.payments` and takes events at `/_webhooks/stripe`. Needs `addSqlDb` before it, the
 * tables of its migration group, and `addJobs` with its jobs after it.
 *
 * @throws ConfigurationError that names each variable at fault, or what is missing.
 * @example
 * const { payments, jobs } = await addPayments(app, { plans: { pro: "price_1234" } });
 * await addJobs(app, { jobs: [...jobs] });
 */
export async function addPayments<Plan extends string>(
  app: AnyApp,
  options: AddPaymentsOptions<Plan>,
): Promise<AddedPayments<Plan>> {
  const fastify = fastifyOf(app);
  const { plans, routesPrefix = "/_webhooks", env = readEnvironment(), ...rest } = options;
  const settings = parseSettings(paymentVariables, env, rest);
  const { secretKey, webhookSecret, apiUrl: address } = settings;
  refuseForeignAddress(paymentVariables, env, rest, { setting: "apiUrl", address, secrets: ["secretKey"] });
  if (secretKey === undefined || webhookSecret === undefined) throw missing(settings);
  const { db } = getSqlDb(fastify);
  const payments = await openPayments(db, secretKey.reveal(), settings, plans);
  const { job, sweep } = paymentJobs(payments);
  const take = async (event: ProviderEvent) => {
    await db.transaction(async (tx) => {
      const isToDo = await payments.keep(tx, event);
      if (!isToDo || event.customer === undefined) return;
      await getJobs(fastify).queue.enqueueIn(tx, job, { customer: event.customer }, { key: event.customer });
    });
  };
  fastify.decorate("payments", payments as unknown as Payments);
  whenDecorated(fastify, "authUsers", () =>
    fastify.authUsers.accounts.add("payments", paymentData(payments)),
  );
  await fastify.register((scope: FastifyInstance) => stripeEvents(scope, webhookSecret, take), {
    prefix: routesPrefix,
  });
  fastify.addHook("onReady", () => getJobs(fastify).scheduler.every(sweepEveryMs, sweep, {}));
  const { host } = new URL(settings.apiUrl);
  const reason = rest.apiUrl === undefined ? keyReason(rest) : "option 'apiUrl' is set";
  fastify.log.info({ host, plans: Object.keys(plans) }, `payments go to ${host}: ${reason}`);
  return { payments, jobs: [job, sweep] };
}

function keyReason({ secretKey }: PaymentOptions): string {
  return secretKey === undefined ? "STRIPE_SECRET_KEY is set" : "option 'secretKey' is set";
}

/**
 * The payments of an app, or of the app that a request came to.
 *
 * @throws ConfigurationError when none were added.
 *
 * @example
 * const payments = getPayments(request);
 */
export function getPayments(from: AnyApp | AnyRequest): Payments {
  const app = appOf(from);
  if (app.hasDecorator("payments")) return app.payments;
  const message = "there are no payments here; call 'await addPayments(app, { plans })' first";
  throw new ConfigurationError([{ name: "app.payments", message }]);
}

/** Tenants that end with an account pay no more. */
function paymentData(payments: Pick<Payments, "entitlement" | "erase">): PersonalData {
  return {
    export: ({ tenants }) => Promise.all(tenants.map((tenant) => payments.entitlement(tenant))),
    erase: async ({ tenants }) => {
      for (const tenant of tenants) await payments.erase(tenant);
    },
  };
}

async function openPayments<Plan extends string>(
  db: ReturnType<typeof getSqlDb>["db"],
  key: string,
  settings: PaymentSettings,
  plans: PlanPrices<Plan>,
): Promise<Payments<Plan>> {
  const { Stripe } = await loadPeer("stripe", "addPayments", () => import("stripe"));
  const { Payments } = await loadPeer("drizzle-orm", "addPayments", () => import("./payments.js"));
  const { stripeProvider } = await import("./stripe-provider.js");
  const { hostname, port, protocol } = new URL(settings.apiUrl);
  const isSecure = protocol === "https:";
  const stripe = new Stripe(key, {
    host: hostname,
    port: port === "" ? (isSecure ? 443 : 80) : Number(port),
    protocol: isSecure ? "https" : "http",
    timeout: settings.timeoutMs,
    maxNetworkRetries: 2,
    telemetry: false,
  });
  return new Payments(db, stripeProvider(stripe), plans, settings);
}

function missing({ secretKey, webhookSecret }: PaymentSettings): ConfigurationError {
  const names = [
    ...(secretKey === undefined ? [paymentVariables.secretKey.name] : []),
    ...(webhookSecret === undefined ? [paymentVariables.webhookSecret.name] : []),
  ];
  return new ConfigurationError(names.map((name) => ({ name, message: "is not set; addPayments needs it" })));
}
