import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import fastifyPlugin from "fastify-plugin";
import type { PersonalData } from "../auth/index.js";
import { type AnyApp, type AnyRequest, appOf, fastifyOf, whenDecorated } from "../http/index.js";
import {
  appEnvOf,
  ConfigurationError,
  type Environment,
  loadPeer,
  parseSettings,
  readEnvironment,
  Secret,
} from "../kernel/index.js";
import { getSqlDb } from "../sql/index.js";
import type { PumpOptions } from "./deliveries/delivery-pump.js";
import { type MailedUsers, OwnerMails } from "./owner-mails.js";
import { type AuthorizeWebhooks, webhookRoutes } from "./routes/webhook-routes.js";
import { type WebhookOptions, type WebhookSettings, webhookVariables } from "./settings.js";
import type { Webhooks } from "./webhooks.js";

declare module "fastify" {
  interface FastifyInstance {
    /** The webhooks that `addWebhooks` added. */
    webhooks: Webhooks;
  }
}

/** Options of {@link addWebhooks}. Each setting beats its variable. */
export interface AddWebhooksOptions extends WebhookOptions {
  /** Mounts the routes for the callers that it admits. Default: no routes; the app manages subscriptions itself. */
  readonly authorize?: AuthorizeWebhooks | undefined;
  /** Path of the routes. Default: `/_webhooks`. */
  readonly routesPrefix?: string | undefined;
  /** Whether this process delivers; off where another one does. Default: true. */
  readonly deliver?: boolean | undefined;
  /**
   * Tells the owner of a subscription that it was disabled. Default: a mail to the owners of its tenant, where the app has
   * users and mail (`addMail`, `addAuthUsers`); otherwise a line of the log alone.
   */
  readonly onDisabled?: PumpOptions["onDisabled"] | undefined;
  /** Lets endpoints be on private addresses and speak http: for development and tests only. Default: false. */
  readonly allowPrivateAddresses?: boolean | undefined;
  /** Ports of endpoints. Default: 443 and 8443, and with `allowPrivateAddresses` every port. */
  readonly ports?: readonly number[] | undefined;
  /** Milliseconds that attempts under way have when the app closes; then their deliveries are given back. Default: 5,000. */
  readonly closeGraceMs?: number | undefined;
  /** Default: the process environment over the `.env` file. */
  readonly env?: Environment | undefined;
}

/**
 * Gives an app webhooks: subscriptions of its tenants in its database, and deliveries to them by Standard Webhooks.
 * Decorates the app with `app.webhooks`. Needs `addSqlDb` before it, and the tables of its migration group.
 *
 * @throws ConfigurationError that names each variable at fault, or what is missing.
 * @example
 * await addSqlDb(app);
 * const webhooks = await addWebhooks(app, { authorize: async () => ({ tenant: "acme" }) });
 */
export async function addWebhooks(app: AnyApp, options: AddWebhooksOptions = {}): Promise<Webhooks> {
  const fastify = fastifyOf(app);
  await fastify.register(webhooksPlugin, options);
  return fastify.webhooks;
}

/** {@link addWebhooks} as a plugin. */
export const webhooksPlugin: FastifyPluginAsync<AddWebhooksOptions> = fastifyPlugin(
  async (app: FastifyInstance, options: AddWebhooksOptions) => {
    const {
      authorize,
      routesPrefix = "/_webhooks",
      deliver = true,
      onDisabled,
      env = readEnvironment(),
    } = options;
    const { allowPrivateAddresses = false, ports, closeGraceMs = 5000, ...rest } = withoutOwn(options);
    const parsed = parseSettings(webhookVariables, env, rest);
    const settings = withKey(parsed, env);
    const { db } = getSqlDb(app);
    const opened = await loadPeer("drizzle-orm", "addWebhooks", () => import("./webhooks.js"));
    const ownerMails = new OwnerMails(() => mailedUsers(app), app.log);
    const webhooks = new opened.Webhooks(settings, {
      db,
      log: app.log,
      onDisabled: onDisabled ?? ((disabled) => ownerMails.tell(disabled)),
      allowPrivateAddresses,
      ports,
      closeGraceMs,
    });
    app.decorate("webhooks", webhooks);
    whenDecorated(app, "authUsers", () => app.authUsers.accounts.add("webhooks", webhookData(webhooks)));
    if (authorize !== undefined) {
      await app.register((scope) => webhookRoutes(scope, webhooks, authorize), { prefix: routesPrefix });
    }
    if (deliver) app.addHook("onReady", async () => webhooks.start());
    // Attempts end beside the requests in flight, and have the time of both.
    app.addHook("preClose", async () => webhooks.stop());
    // Hooks of closing run last first, so the attempts are written down before the database closes.
    app.addHook("onClose", () => webhooks.close());
    const reason = `WEBHOOKS_ENCRYPT_KEY is ${parsed.encryptKey === undefined ? "not " : ""}set`;
    app.log.info({ reason }, `secrets of webhooks are encrypted: ${reason}`);
  },
  { name: "svc-infra/webhooks", fastify: "5.x" },
);

/**
 * The webhooks of an app, or of the app that a request came to.
 *
 * @throws ConfigurationError when none were added.
 *
 * @example
 * const webhooks = getWebhooks(request);
 */
export function getWebhooks(from: AnyApp | AnyRequest): Webhooks {
  const app = appOf(from);
  if (app.hasDecorator("webhooks")) return app.webhooks;
  const message = "there are no webhooks here; call 'await addWebhooks(app)' first";
  throw new ConfigurationError([{ name: "app.webhooks", message }]);
}

/** Erasing an account removes the subscriptions of its own tenants. */
function webhookData({ subscriptions }: Webhooks): PersonalData {
  return {
    export: async ({ tenants }) =>
      (await Promise.all(tenants.map((tenant) => subscriptions.list(tenant)))).flat(),
    erase: async ({ tenants }) => {
      for (const tenant of tenants) await subscriptions.removeAll(tenant);
    },
  };
}

/** Users and mail may be added later than webhooks. */
function mailedUsers(app: FastifyInstance): MailedUsers | undefined {
  if (!app.hasDecorator("mail") || !app.hasDecorator("authUsers")) return undefined;
  const { mail, authUsers } = app;
  return {
    ownersOf: (tenant) => authUsers.accounts.ownersOf(tenant),
    send: (message) => mail.send(message),
  };
}

/** Removes the plugin's own options, which are no settings. */
function withoutOwn(options: AddWebhooksOptions) {
  const { authorize: _a, routesPrefix: _r, deliver: _d, onDisabled: _o, env: _e, ...rest } = options;
  return rest;
}

function withKey(settings: WebhookSettings, env: Environment) {
  const { encryptKey } = settings;
  if (encryptKey !== undefined) return { ...settings, encryptKey };
  if (appEnvOf(env) === "prod") {
    const message = "is not set; make one with 'openssl rand -hex 32', so that secrets are encrypted at rest";
    throw new ConfigurationError([{ name: "WEBHOOKS_ENCRYPT_KEY", message }]);
  }
  return { ...settings, encryptKey: [new Secret("a key for development that protects nothing")] };
}
