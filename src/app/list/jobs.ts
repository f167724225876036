import type { FastifyInstance } from "fastify";
import { jobsVariables, registryVariables } from "../../jobs/settings.js";
import { type Environment, isVariableSet, loadSettings } from "../../kernel/index.js";
import { workMs } from "../draining.js";
import { type Helper, optionsOf } from "../helper.js";

const closing = { shutdownTimeoutMs: jobsVariables.shutdownTimeoutMs };

export const jobs: Helper = {
  name: "jobs",
  variables: [jobsVariables, registryVariables],
  enabledBy: ["JOBS_DRIVER"],
  // A sign-up must not lose its mail because the server of mail is away.
  wantedBy: "auth",
  add: async (app, { env, settings, options, jobs: ofHelpers }) => {
    const { addJobs } = await import("../../jobs/index.js");
    const { jobs: own = [], ...given } = optionsOf(options.jobs);
    const mail = await jobsOfMail(app, env);
    // Jobs that go on for longer must be given back before the process is ended.
    const asked = loadSettings(closing, env, { shutdownTimeoutMs: given.shutdownTimeoutMs });
    const shutdownTimeoutMs = Math.ceil(Math.min(asked.shutdownTimeoutMs, workMs(settings)));
    const jobs = [...own, ...ofHelpers, ...mail];
    const { queue } = await addJobs(app, { env, ...given, jobs, shutdownTimeoutMs });
    return queue.driver;
  },
};

/** Jobs send the mail, so that it outlives the process: where a database is, they need its table for that, which comes with auth. */
async function jobsOfMail(app: FastifyInstance, env: Environment) {
  if (!app.hasDecorator("mail")) return [];
  const hasTable = [jobsVariables.driver, registryVariables.registry].some(({ name }) =>
    isVariableSet(env, name),
  );
  if (app.hasDecorator("sql") && !hasTable && !app.hasDecorator("authUsers")) return [];
  const { mailJobs } = await import("../../mail/index.js");
  return mailJobs(app);
}
