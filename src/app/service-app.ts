import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { healthPlugin } from "../health/index.js";
import { answerClientError, HttpError, pageBoundary, problemHandler } from "../http/index.js";
import type { JobDefinition } from "../jobs/index.js";
import { type AppEnv, type Environment, readEnvironment } from "../kernel/index.js";
import { addApiDocs, loadZodCompilers } from "../versioning/index.js";
import { addBodyParsers } from "./body-parsers.js";
import { type Choice, choiceTable, describeSettings, hasDocs } from "./choices.js";
import { addCors } from "./cors.js";
import { Draining, workMs } from "./draining.js";
import type { AddedHelper } from "./helper.js";
import { answerRequestIds, idHeader, logOptions } from "./logging.js";
import { type PlanOptions, planService, type ServicePlan } from "./plan.js";
import { addRateLimit } from "./rate-limit.js";
import { addSecurityHeaders, securityHeaders } from "./security-headers.js";
import type { AppSettings } from "./settings.js";
import { startupRoute } from "./startup-route.js";

/** What is known of a whole service. */
export interface ServiceFacts {
  readonly name: string;
  readonly release: string | undefined;
  readonly appEnv: AppEnv;
  readonly settings: AppSettings;
  /** What was decided at the start, and because of which variable. */
  readonly choices: readonly Choice[];
  readonly draining: Draining;
}

declare module "fastify" {
  interface FastifyInstance {
    /** The service that `easyServiceApp` made. */
    service: ServiceFacts;
  }
}

/** An `onRequest` hook. */
type Guard = (request: FastifyRequest) => Promise<void>;

/** Options of {@link easyServiceApp}: settings that beat their variables, and helpers. */
export interface ServiceAppOptions extends PlanOptions {
  /**
   * Name of the service, in the log, the documents, and before the keys of rate limits, cache and idempotency in a Redis.
   * Jobs have `JOBS_QUEUE_PREFIX`.
   */
  readonly name: string;
  /** Looks at every request first, and throws to refuse it. */
  readonly guard?: Guard | undefined;
  /** Default: the process environment over the `.env` file. */
  readonly env?: Environment | undefined;
}

/** The app of a whole service; the zod schemas of a route type its handler. */
export type ServiceApp = ReturnType<typeof withZod>;

/**
 * A Fastify app with all that a service needs, wired by the environment: logs with request ids, problem details for every
 * failure, CORS, security headers, limits of size, time and rate, `/ping`, `/healthz`, `/readyz`, `/startupz`, `/docs`, and the
 * helpers that are configured. It does not listen yet: `startService(app)` does.
 *
 * @throws ConfigurationError that names every variable and option at fault, before anything is opened.
 * @example
 * ```ts
 * const app = await easyServiceApp({ name: "shop", storage: true });
 * app.get("/hello", async () => ({ hello: "world" }));
 * await startService(app);
 * ```
 */
export async function easyServiceApp(options: ServiceAppOptions): Promise<ServiceApp> {
  const { name, env = readEnvironment(), guard, ...planOptions } = options;
  const plan = await planService(planOptions, env);
  const { release } = plan.settings;
  const app = await createApp(name, plan);
  try {
    const draining = new Draining(app, workMs(plan.settings));
    answerRequestIds(app);
    addSecurityHeaders(app);
    const early = await addHelpers(app, plan, { ...planOptions, name }, true);
    await addGuards(app, plan, guard);
    for (const { afterGuards } of early) await afterGuards?.();
    await addProbes(app, plan);
    await addLimits(app, name, plan, planOptions);
    const late = await addHelpers(app, plan, { ...planOptions, name }, false);
    const choices = [...describeSettings(plan), ...[...early, ...late].map(({ choice }) => choice)];
    const { appEnv, settings } = plan;
    app.decorate("service", { name, release, appEnv, settings, choices, draining });
    app.log.info({ choices }, `${name} chose\n${choiceTable(choices)}`);
    return withZod(app);
  } catch (error) {
    await app.close();
    throw error;
  }
}

function withZod(app: FastifyInstance) {
  return app.withTypeProvider<ZodTypeProvider>();
}

const answerError = problemHandler(true);

async function createApp(service: string, { settings }: ServicePlan): Promise<FastifyInstance> {
  const [{ fastify }, { validatorCompiler, serializerCompiler }] = await Promise.all([
    import("fastify"),
    loadZodCompilers(),
  ]);
  const { logLevel, release, idleTimeoutMs, keepAliveTimeoutMs, maxBodyBytes, trustProxy } = settings;
  const app = fastify({
    ...logOptions(logLevel, { service, release }),
    // No hook sees a path that the router refuses.
    frameworkErrors: (error, request, reply) =>
      answerError(error, request, reply.headers({ ...securityHeaders, [idHeader]: request.id })),
    clientErrorHandler: answerClientError,
    // Node's own answer would be no problem details.
    http: { requireHostHeader: false },
    // What still comes while the service closes is served; Fastify's own answer would be no problem details.
    return503OnClosing: false,
    connectionTimeout: idleTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    bodyLimit: maxBodyBytes,
    trustProxy: trustProxy === undefined ? false : [...trustProxy],
  });
  app.setErrorHandler(answerError);
  ignoreExpectations(app.server);
  addBodyParsers(app);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  return app;
}

/** RFC 9112 §3.2. */
async function requireHost({ raw, headers }: FastifyRequest): Promise<void> {
  if (raw.httpVersion !== "1.1" || headers.host !== undefined) return;
  throw new HttpError(400, "bad_request", "a request of HTTP/1.1 must have a Host header");
}

/** Those that are not known, as RFC 9110 §10.1.1 allows: Node's own answer would be no problem details. */
function ignoreExpectations(server: FastifyInstance["server"]): void {
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
}

/** What may refuse a request before its route. It stands behind the metrics and spans, so that they see what it refuses. */
async function addGuards(
  app: FastifyInstance,
  { settings }: ServicePlan,
  guard: Guard | undefined,
): Promise<void> {
  app.addHook("onRequest", requireHost);
  if (guard !== undefined) app.addHook("onRequest", guard);
  await addCors(app, settings);
  const allowOrigins = settings.corsAllowOrigins ?? [];
  const boundary = pageBoundary({ isOpen: false, ownUrls: [], allowOrigins });
  app.addHook("onRequest", async (request) => {
    if (request.routeOptions.config?.ownPageBoundary !== true) await boundary(request);
  });
}

/** A route has the hooks and limits of what was added before it, so these have no rate limit. */
async function addProbes(app: FastifyInstance, { appEnv }: ServicePlan): Promise<void> {
  await app.register(healthPlugin, { showErrors: appEnv !== "prod" });
  startupRoute(app);
}

/** Adds the rate limit of later routes, `/docs`, the answer to unknown paths, and `/ping`. */
async function addLimits(
  app: FastifyInstance,
  name: string,
  plan: ServicePlan,
  options: PlanOptions,
): Promise<void> {
  const { settings } = plan;
  await addRateLimit(app, name, settings);
  app.decorate("hasApiDocs", hasDocs(plan));
  if (hasDocs(plan)) {
    const webhooks = await describeWebhooks(plan, options);
    await addApiDocs(app, { title: name, version: settings.release ?? "0", webhooks });
  }
  app.setNotFoundHandler(limited(app), (request, reply) =>
    answerError(new HttpError(404, "no_such_route", "there is no such route"), request, reply),
  );
  pingRoute(app, name, settings.release);
}

/** What subscribers are sent is a part of the document. */
async function describeWebhooks({ helpers }: ServicePlan, { events }: PlanOptions) {
  const sends = helpers.some(({ helper, isOn }) => isOn && helper.name === "webhooks");
  if (!sends || events === undefined || events === false) return undefined;
  const { openApiWebhooks } = await import("../events/index.js");
  return openApiWebhooks(events.events);
}

/** Paths that do not exist count as well, or a scanner would go unnoticed. */
function limited(app: FastifyInstance): { preHandler?: ReturnType<FastifyInstance["rateLimit"]> } {
  return app.hasDecorator("rateLimit") ? { preHandler: app.rateLimit() } : {};
}

function pingRoute(app: FastifyInstance, service: string, release: string | undefined): void {
  const schema = {
    summary: "Whether the service answers, and which release of it",
    response: { 200: z.object({ service: z.string(), release: z.string().optional() }) },
  };
  // The answer never changes, so it need not be checked and written anew for each request.
  const answer = JSON.stringify({ service, release });
  app.get("/ping", { schema, serializerCompiler: () => () => answer }, async () => ({ service, release }));
}

interface Added {
  readonly choice: Choice;
  readonly afterGuards?: (() => Promise<void>) | undefined;
}

async function addHelpers(
  app: FastifyInstance,
  { helpers, ...context }: ServicePlan,
  { name, ...options }: PlanOptions & { readonly name: string },
  isBeforeLimits: boolean,
): Promise<readonly Added[]> {
  const all: Added[] = [];
  const jobs: JobDefinition<never>[] = [];
  const those = helpers.filter(({ helper }) => (helper.isBeforeLimits ?? false) === isBeforeLimits);
  for (const { helper, isOn, reason } of those) {
    const added = isOn ? await helper.add(app, { ...context, name, options, jobs }) : "off";
    const { afterGuards, ...choice }: AddedHelper = typeof added === "string" ? { chosen: added } : added;
    all.push({ choice: { what: helper.name, reason, ...choice }, afterGuards });
  }
  return all;
}
