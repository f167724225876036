#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { ConfigurationError } from "../kernel/index.js";
import { StorageError } from "../storage/index.js";
import { registerDb } from "./commands/db.js";
import { registerDoctor } from "./commands/doctor.js";
import { registerEnv } from "./commands/env.js";
import { registerInit } from "./commands/init.js";
import { registerJobs } from "./commands/jobs.js";
import { registerServe } from "./commands/serve.js";
import { registerStorage } from "./commands/storage.js";
import { registerWebhooks } from "./commands/webhooks.js";
import { watchOutputReader } from "./output-reader.js";

/** Exit code of a command line that is wrong, as shells and other tools have it. */
const usageCode = 2;
const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

watchOutputReader();

const program = new Command("svc-infra")
  .version(version)
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

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(isWrongUsage(error) ? usageCode : 1);
}

/** Whether only options of the command line are at fault, and no variable. */
function isWrongUsage(error: unknown): boolean {
  return error instanceof ConfigurationError && error.problems.every(({ name }) => name.startsWith("--"));
}

/** Errors that a person can act on; only an unknown one comes with its stack. */
function explain(error: unknown): string {
  if (error instanceof ConfigurationError)
    return `The service is not set up correctly:\n${listProblems(error)}`;
  if (!(error instanceof StorageError)) return error instanceof Error ? String(error.stack) : String(error);
  return `${error.message}${reasonOf(error)}`;
}

function listProblems({ problems }: ConfigurationError): string {
  return problems.map(({ name, message }) => `  ${name}: ${message}`).join("\n");
}

/** The innermost cause, which is the system's or the provider's own word. */
function reasonOf({ message, cause }: Error): string {
  if (!(cause instanceof Error)) return "";
  if (cause.cause instanceof Error) return reasonOf(cause);
  return cause.message === message ? "" : `\n  because: ${cause.message}`;
}
