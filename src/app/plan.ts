import {
  type AppEnv,
  appEnvOf,
  ConfigurationError,
  type ConfigurationProblem,
  collectProblems,
  type Environment,
  loadSettings,
} from "../kernel/index.js";
import { findCorsProblem } from "./cors.js";
import { chooseHelper, type Helper, type HelperChoice, type HelperContext } from "./helper.js";
import type { HelperOptions } from "./helper-options.js";
import { helpers } from "./list/index.js";
import { type AppSettingOptions, type AppSettings, appVariables } from "./settings.js";

/** What a service will be made of. */
export interface ServicePlan {
  readonly env: Environment;
  readonly appEnv: AppEnv;
  readonly settings: AppSettings;
  /** What code gave of them, each beating its variable. */
  readonly given: AppSettingOptions;
  readonly helpers: readonly (HelperChoice & { readonly helper: Helper })[];
}

/** A helper that is off, and one that is on and needs it. */
export interface MissingHelper {
  readonly name: Helper["name"];
  /** Variables of which any one turns it on. */
  readonly enabledBy: readonly string[];
  readonly neededBy: Helper["name"];
  /** Why the other one is on. */
  readonly reason: string;
}

/** What the environment says of a service, also where no service can be made of that. */
export interface PlanDraft {
  /** Absent when there are problems. */
  readonly plan?: ServicePlan;
  readonly problems: readonly ConfigurationProblem[];
  /** Helpers without which others cannot be; only code can still turn them on. */
  readonly missing: readonly MissingHelper[];
}

/** What code says of a service: settings and helpers. */
export interface PlanOptions extends AppSettingOptions, HelperOptions {}

/**
 * Reads the whole environment before anything is opened.
 *
 * @throws ConfigurationError that names every variable and option at fault.
 */
export async function planService(options: PlanOptions, env: Environment): Promise<ServicePlan> {
  const { plan, problems, missing } = await draftService(options, env);
  if (plan !== undefined && missing.length === 0) return plan;
  throw new ConfigurationError([...problems, ...missing.map(problemOf)]);
}

/** As {@link planService}, for one who does not know the code of the service. */
export async function draftService(options: PlanOptions, env: Environment): Promise<PlanDraft> {
  const problems: ConfigurationProblem[] = [...findUnknown(options)];
  const appEnv = collectProblems(problems, () => appEnvOf(env)) ?? "prod";
  const given = settingsIn(options);
  const settings = collectProblems(problems, () => loadSettings(appVariables, env, given));
  problems.push(...(settings === undefined ? [] : findCorsProblem(settings)));
  const chosen = withWanted(
    helpers.map((helper) => ({ helper, ...chooseHelper(helper, env, options) })),
    options,
  );
  const context = { env, appEnv, settings: settings ?? defaultSettings(), options };
  for (const { helper } of chosen.filter(({ isOn }) => isOn)) {
    problems.push(...(await problemsOf(helper, context)));
  }
  const missing = findMissing(chosen);
  if (settings === undefined || problems.length > 0) return { problems, missing };
  return { plan: { env, appEnv, settings, given, helpers: chosen }, problems, missing };
}

/** A helper that is misspelled must not pass for one that was left out. */
function findUnknown(options: PlanOptions): ConfigurationProblem[] {
  const known = ["name", "guard", "env", ...helpers.map(({ name }) => name), ...Object.keys(appVariables)];
  return Object.entries(options)
    .filter(([name, value]) => value !== undefined && !known.includes(name))
    .map(([name]) => ({
      name: `option '${name}'`,
      message: `is not known to easyServiceApp; it takes ${known.join(", ")}`,
    }));
}

/** Turns on what another helper asks for. */
function withWanted(chosen: ServicePlan["helpers"], options: PlanOptions): ServicePlan["helpers"] {
  const on = new Set(chosen.filter(({ isOn }) => isOn).map(({ helper }) => helper.name));
  return chosen.map((choice) => {
    const { name, wantedBy } = choice.helper;
    const isWanted = wantedBy !== undefined && on.has(wantedBy) && options[name] !== false;
    return choice.isOn || !isWanted ? choice : { ...choice, isOn: true, reason: `${wantedBy} is on` };
  });
}

/** Helpers that are on without one that they need. */
function findMissing(chosen: ServicePlan["helpers"]): MissingHelper[] {
  const on = new Set(chosen.filter(({ isOn }) => isOn).map(({ helper }) => helper.name));
  return chosen
    .filter(({ isOn }) => isOn)
    .flatMap(({ helper: { name, needs = [] }, reason }) =>
      needs
        .filter((needed) => !on.has(needed))
        .map((needed) => ({ name: needed, enabledBy: enabledBy(needed), neededBy: name, reason })),
    );
}

function enabledBy(name: Helper["name"]): readonly string[] {
  return helpers.find((helper) => helper.name === name)?.enabledBy ?? [];
}

function problemOf({ name, enabledBy, neededBy, reason }: MissingHelper): ConfigurationProblem {
  const message = `is off, and ${neededBy} needs it (${reason}); pass ${name}: true, or set one of ${enabledBy.join(", ")}`;
  return { name, message };
}

/** What the checks of helpers see where the real settings are at fault, which has been noted already. */
function defaultSettings(): AppSettings {
  return loadSettings(appVariables, {});
}

function settingsIn(options: PlanOptions): AppSettingOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(appVariables, name)));
}

async function problemsOf(helper: Helper, context: HelperContext): Promise<readonly ConfigurationProblem[]> {
  const problems: ConfigurationProblem[] = [];
  if (helper.check === undefined) {
    for (const schema of helper.variables) collectProblems(problems, () => loadSettings(schema, context.env));
    return problems;
  }
  try {
    await helper.check(context);
    return problems;
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}
