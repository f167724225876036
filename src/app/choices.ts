import { findAppEnv, isVariableSet } from "../kernel/index.js";
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
export function describeSettings(plan: ServicePlan): readonly Choice[] {
  const { env, appEnv, settings } = plan;
  const row = (what: string, chosen: string, setting: keyof AppSettings): Choice => ({
    what,
    chosen,
    reason: reasonOf(setting, plan),
  });
  const { host, port, corsAllowOrigins, trustProxy, logLevel, maxBodyBytes, idleTimeoutMs } = settings;
  return [
    { what: "environment", chosen: appEnv, reason: findAppEnv(env).reason },
    row("host", host, "host"),
    row("port", String(port), "port"),
    row("log", `${logLevel} and above`, "logLevel"),
    row("origins", corsAllowOrigins?.join(" ") ?? "none but its own", "corsAllowOrigins"),
    row("proxies", trustProxy?.join(" ") ?? "none trusted", "trustProxy"),
    row("body limit", `${maxBodyBytes} bytes`, "maxBodyBytes"),
    row("idle limit", `${idleTimeoutMs / 1000} s`, "idleTimeoutMs"),
    row("rate limit", rateLimitOf(settings), "rateLimitMax"),
    row("docs", hasDocs(plan) ? "/docs" : "off", "enableDocs"),
  ];
}

/** Code beats the environment. */
function reasonOf(setting: keyof AppSettings, { env, given }: ServicePlan): string {
  if (given[setting] !== undefined) return `option '${setting}' is given`;
  const { name, aliases = [] }: { readonly name: string; readonly aliases?: readonly string[] } =
    appVariables[setting];
  const set = [name, ...aliases].find((each) => isVariableSet(env, each));
  return set === undefined ? `${name} is not set` : `${set} is set`;
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
