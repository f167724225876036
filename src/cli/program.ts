import { Command } from "commander";
import { ownPackage } from "./package-facts.js";

/** Exit code of a command line that is wrong, as shells and other tools have it. */
export const usageCode = 2;

/** The commands by their first word. Each loads what it runs on, so that no command waits for the parts of the others. */
const commands = new Map<string, () => Promise<(program: Command) => void>>([
  ["init", async () => (await import("./commands/init.js")).registerInit],
  ["serve", async () => (await import("./commands/serve.js")).registerServe],
  ["env", async () => (await import("./commands/env.js")).registerEnv],
  ["doctor", async () => (await import("./commands/doctor.js")).registerDoctor],
  ["db", async () => (await import("./commands/db.js")).registerDb],
  ["jobs", async () => (await import("./commands/jobs.js")).registerJobs],
  ["storage", async () => (await import("./commands/storage.js")).registerStorage],
  ["webhooks", async () => (await import("./commands/webhooks.js")).registerWebhooks],
]);

/**
 * The command that the first word names, or all of them where it names none, as in `svc-infra --help`.
 *
 * @param firstWord - the first argument of the command line.
 */
export async function createProgram(firstWord = ""): Promise<Command> {
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
  const named = commands.get(firstWord);
  for (const load of named === undefined ? commands.values() : [named]) (await load())(program);
  return program;
}
