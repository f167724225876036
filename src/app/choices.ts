import { findAppEnv, isVariableSet, type Variable } from "../kernel/index.js";
import type { ServicePlan } from "./plan.js";
import { type AppSettings, appVariables } from "./settings.js";

/** One thing that a service decided at its start. */
export interface Choice {
  readonly what: string;
  readonly chosen: string;
  /** Names the variable or option that decided. */
  readonly reason: string;
}

/** What was decided beside the helpers. */
export function describeSettings({ env, appEnv, settings }: ServicePlan): readonly Choice[] {
  const row = (
    what: string,
    chosen: string,
    variable: Pick<Variable<unknown>, "name" | "aliases">,
  ): Choice => {
    const names = [variable.name, ...(variable.aliases ?? [])];
    const set = names.find((name) => isVariableSet(env, name));
    return { what, chosen, reason: set === undefined ? `${variable.name} is not set` : `${set} is set` };
  };
  const { corsAllowOrigins, trustProxy, logLevel } = settings;
  return [
    { what: "environment", chosen: appEnv, reason: findAppEnv(env).reason },
    row("log", `${logLevel} and above`, appVariables.logLevel),
    row("origins", corsAllowOrigins?.join(" ") ?? "none but its own", appVariables.corsAllowOrigins),
    row("proxies", trustProxy?.join(" ") ?? "none trusted", appVariables.trustProxy),
    row("rate limit", rateLimitOf(settings), appVariables.rateLimitMax),
    row("docs", hasDocs({ appEnv, settings }) ? "/docs" : "off", appVariables.enableDocs),
  ];
}

/** Whether the service shows its document. */
export function hasDocs({ appEnv, settings }: Pick<ServicePlan, "appEnv" | "settings">): boolean {
  return settings.enableDocs ?? appEnv !== "prod";
}

function rateLimitOf({ rateLimitMax, rateLimitWindowMs, redisUrl }: AppSettings): string {
  if (rateLimitMax === 0) return "none";
  const where = redisUrl === undefined ? "in this process" : "in Redis";
  return `${rateLimitMax} in ${rateLimitWindowMs / 1000} s for each client, counted ${where}`;
}

/** The choices as a table for people. */
export function choiceTable(choices: readonly Choice[]): string {
  const width = (column: "what" | "chosen") => Math.max(...choices.map((choice) => choice[column].length));
  const [whatWidth, chosenWidth] = [width("what"), width("chosen")];
  return choices
    .map(
      ({ what, chosen, reason }) => `  ${what.padEnd(whatWidth)}  ${chosen.padEnd(chosenWidth)}  ${reason}`,
    )
    .join("\n");
}
