import type { Command } from "commander";
import { httpVariables } from "../../http/index.js";
import { loadSettings, readEnvironment } from "../../kernel/index.js";
import { easyStorage } from "../../storage/easy-storage.js";
import { corsAdvice } from "../cors-rules.js";
import { sayJson } from "../db-command.js";
import { localFallback } from "../local-fallback.js";

interface CorsOptions {
  readonly origin?: readonly string[];
  readonly json?: true;
}

/** Adds `storage cors`: the rules with which browsers may send content straight to the provider. */
export function registerStorageCors(storage: Command): void {
  storage
    .command("cors")
    .description("Print the CORS rules that direct uploads from browsers need at the provider.")
    .option("--origin <origins...>", `pages that upload; default: ${httpVariables.corsAllowOrigins.name}`)
    .option("--json", "print one JSON object: backend, rules, and how to set them")
    .addHelpText(
      "after",
      `
The rules go to the standard output, as the provider takes them; how to set them, to the standard error.

Examples:
  $ svc-infra storage cors > cors.json
  $ svc-infra storage cors --origin https://app.example.com
  $ svc-infra storage cors --json | jq -r .how`,
    )
    .action(print);
}

async function print({ origin, json }: CorsOptions): Promise<void> {
  const environment = readEnvironment();
  const given = { corsAllowOrigins: origin };
  const { corsAllowOrigins = [] } = loadSettings(httpVariables, environment, given);
  const storage = await easyStorage({}, environment, localFallback);
  await storage.close();
  const { type, name } = storage.backend;
  if (corsAllowOrigins.length === 0) {
    process.stderr.write(`set ${httpVariables.corsAllowOrigins.name}, or give --origin\n`);
    process.exitCode = 1;
    return;
  }
  const { rules, how } = corsAdvice(type, corsAllowOrigins);
  if (json) return sayJson({ backend: name, type, rules: rules ?? null, how });
  if (rules !== undefined) process.stdout.write(`${JSON.stringify(rules, undefined, 2)}\n`);
  process.stderr.write(`${name}: ${how}\n`);
}
