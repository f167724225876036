import { Command } from "commander";
import { registerDb } from "./commands/db.js";
import { registerDoctor } from "./commands/doctor.js";
import { registerEnv } from "./commands/env.js";
import { registerInit } from "./commands/init.js";
import { registerJobs } from "./commands/jobs.js";
import { registerServe } from "./commands/serve.js";
import { registerStorage } from "./commands/storage.js";
import { registerWebhooks } from "./commands/webhooks.js";
import { ownPackage } from "./package-facts.js";

/** Exit code of a command line that is wrong, as shells and other tools have it. */
export const usageCode = 2;

/** Every command, as `svc-infra` runs it and as the test of the help texts reads it. */
export function createProgram(): Command {
  const program = new Command("svc-infra")
    .version(ownPackage().version)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : usageCode))
    .description(
      "Service infrastructure for TypeScript: new projects, a service to run, and checks of its set-up.",
    )
    .showHelpAfterError("(see --help)")
    .addHelpText(
      "after",
      `
Examples:
  $ svc-infra init shop                              a new project that runs at once
  $ svc-infra env                                    what is set, and what is wrong with it
  $ svc-infra doctor                                 what keeps the service from running here
  $ svc-infra serve                                  files in ./.data/storage, on http://localhost:8000
  $ STORAGE_BASE_PATH=/srv/files svc-infra serve     files in another folder
  $ svc-infra serve --help                           every variable of the service
  $ svc-infra storage ls                             the keys that there are; storage --help for more
  $ svc-infra storage copy --help                    how to move files to another storage`,
    );
  registerInit(program);
  registerServe(program);
  registerEnv(program);
  registerDoctor(program);
  registerDb(program);
  registerJobs(program);
  registerStorage(program);
  registerWebhooks(program);
  return program;
}
