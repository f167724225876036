import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import fastifyPlugin from "fastify-plugin";
import { joinHealth } from "../health/index.js";
import { type AnyApp, type AnyRequest, appOf, fastifyOf } from "../http/index.js";
import { ConfigurationError, type Environment } from "../kernel/index.js";
import { type EasyJobsOptions, type Jobs, openJobs } from "./easy-jobs.js";

declare module "fastify" {
  interface FastifyInstance {
    /** The jobs that `addJobs` added. */
    jobs: Jobs;
  }
}

/** Options of {@link addJobs}. Each setting beats its variable. */
export interface AddJobsOptions extends EasyJobsOptions {
  /** Default: the process environment over the `.env` file. */
  readonly env?: Environment | undefined;
  /** Whether it is a check of `/readyz` and `/_health/jobs`. Default: true. */
  readonly health?: boolean | undefined;
}

/** Options of {@link jobsPlugin}. */
export interface JobsPluginOptions extends AddJobsOptions {
  /** Puts the health route below it, like `/v1`. */
  readonly prefix?: string | undefined;
}

/**
 * Gives an app jobs: opens the queue that the environment names, handles the jobs that are given, decorates the app
 * with `app.jobs`, adds `GET /_health/jobs` and a readiness check, and closes with the app. Jobs are handled from the time
 * when the app is ready. The database of
 * `addSqlDb`, when it was added before, keeps the outbox.
 *
 * @throws ConfigurationError when the settings are wrong, and JobError when the server does not answer.
 * @example
 * ```ts
 * const { queue } = await addJobs(app, { jobs: [sendWelcome] });
 * app.post("/users", async () => queue.enqueue(sendWelcome, { to: "ada@example.org" }));
 * ```
 */
export async function addJobs(app: AnyApp, options: AddJobsOptions = {}): Promise<Jobs> {
  return mount(fastifyOf(app), options);
}

async function mount(app: FastifyInstance, options: JobsPluginOptions): Promise<Jobs> {
  const { env, health = true, prefix: root = "", ...given } = options;
  if (app.hasDecorator("jobs")) {
    throw new ConfigurationError([{ name: "addJobs", message: "was called twice for one app" }]);
  }
  const sql = given.sql ?? (app.hasDecorator("sql") ? app.sql : undefined);
  const jobs = await openJobs({ ...given, sql }, { env, log: app.log });
  app.decorate<Jobs>("jobs", jobs);
  // A handler may use all that the app is made of, also what is added after this.
  app.addHook("onReady", async () => jobs.start());
  // Jobs end beside the requests in flight, and have the time of both.
  app.addHook("preClose", async () => jobs.stop());
  // Hooks of closing run last first, so the jobs end before the database that was added earlier.
  app.addHook("onClose", () => jobs.close());
  if (health) {
    await joinHealth(app, "jobs", () => jobs.ping(), { root, facts: () => ({ driver: jobs.queue.driver }) });
  }
  return jobs;
}

/** {@link addJobs} as a plugin: `await app.register(jobsPlugin, { jobs: [sendWelcome] })`. */
export const jobsPlugin: FastifyPluginAsync<JobsPluginOptions> = fastifyPlugin(
  async (app: FastifyInstance, options: JobsPluginOptions) => {
    await mount(app, options);
  },
  { name: "svc-infra/jobs", fastify: "5.x" },
);

/**
 * The jobs of an app, or of the app that a request came to.
 *
 * @throws ConfigurationError when none were added.
 *
 * @example
 * await getJobs(request).queue.enqueue(sendReport, { id: "7" });
 */
export function getJobs(from: AnyApp | AnyRequest): Jobs {
  const app = appOf(from);
  if (app.hasDecorator("jobs")) return app.jobs;
  const message = "there are no jobs here; call 'await addJobs(app)' first";
  throw new ConfigurationError([{ name: "app.jobs", message }]);
}
