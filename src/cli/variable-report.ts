import { helpers } from "../app/list/index.js";
import { storage } from "../app/list/storage.js";
import { appVariables } from "../app/settings.js";
import {
  ConfigurationError,
  type Environment,
  loadSettings,
  readEnvironment,
  readVariable,
  type SettingsSchema,
  type Variable,
} from "../kernel/index.js";
import { withoutUserinfo } from "../kernel/userinfo.js";
import { sideVariable } from "./copy/side-environment.js";
import { nearestName } from "./nearest-name.js";

/** One variable, as it is set here. */
export interface VariableState {
  /** What reads it: `service`, or a helper. */
  readonly of: string;
  readonly name: string;
  /** Where its value comes from. */
  readonly source: "environment" | ".env" | "default" | "not set";
  /** The value; `***` for a secret. */
  readonly value: string | undefined;
  /** What is wrong with it. */
  readonly problem?: string;
}

/** A variable that nothing reads. */
export interface UnknownVariable {
  readonly name: string;
  readonly source: "environment" | ".env";
  /** The name that was most likely meant. */
  readonly nearest: string | undefined;
}

/** All variables that the service reads, and those that resemble one and are not read. */
export interface VariableReport {
  readonly variables: readonly VariableState[];
  readonly unknown: readonly UnknownVariable[];
}

/** Looks at the process environment and the `.env` file. */
export function reportVariables(processEnv: Environment = process.env): VariableReport {
  const file = readEnvironment(".env", {});
  const env = readEnvironment(".env", processEnv);
  const variables = schemas().flatMap(({ of, schema }) =>
    Object.values(schema).map((variable) => stateOf(of, variable, { env, file, processEnv })),
  );
  return { variables: unique(variables), unknown: findUnknown(file, processEnv) };
}

function schemas(): readonly { readonly of: string; readonly schema: SettingsSchema }[] {
  const ofHelpers = helpers.flatMap(({ name, variables }) =>
    variables.map((schema) => ({ of: name, schema })),
  );
  return [{ of: "service", schema: appVariables }, ...ofHelpers];
}

/** Several helpers may read one variable, as `REDIS_URL`; it is told once. */
function unique(states: readonly VariableState[]): readonly VariableState[] {
  return [...new Map(states.map((state) => [state.name, state] as const).reverse()).values()].reverse();
}

interface Sources {
  readonly env: Environment;
  readonly file: Environment;
  readonly processEnv: Environment;
}

function stateOf(of: string, variable: Variable<unknown>, sources: Sources): VariableState {
  const set = namesOf(variable).find((name) => readVariable(sources.env, name) !== undefined);
  const problem = problemOf(variable, sources.env);
  return {
    of,
    name: set ?? variable.name,
    source: sourceOf(variable, set, sources),
    value: set === undefined ? defaultOf(variable) : shownValue(variable, set, sources.env),
    ...(problem === undefined ? {} : { problem }),
  };
}

function namesOf({ name, aliases = [], secret }: Variable<unknown>): readonly string[] {
  return [name, ...aliases].flatMap((each) => (secret === true ? [each, `${each}_FILE`] : [each]));
}

function sourceOf(
  variable: Variable<unknown>,
  set: string | undefined,
  { processEnv }: Sources,
): VariableState["source"] {
  if (set !== undefined) return readVariable(processEnv, set) === undefined ? ".env" : "environment";
  return defaultOf(variable) === undefined ? "not set" : "default";
}

function defaultOf({ default: value, defaultText }: Variable<unknown>): string | undefined {
  return value === undefined ? defaultText : String(value);
}

/** The path of a secret's file is no secret; any URL may hold one. */
function shownValue({ secret }: Variable<unknown>, name: string, env: Environment): string {
  const value = readVariable(env, name) ?? "";
  if (secret === true && !name.endsWith("_FILE")) return "***";
  return withoutUserinfo(value);
}

function problemOf(variable: Variable<unknown>, env: Environment): string | undefined {
  try {
    loadSettings({ value: variable }, env);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems.map(({ message }) => message).join("; ");
    throw error;
  }
}

function findUnknown(file: Environment, processEnv: Environment): readonly UnknownVariable[] {
  const known = new Set([
    "APP_ENV",
    "NODE_ENV",
    ...schemas().flatMap(({ schema }) => Object.values(schema).flatMap(namesOf)),
    ...storage.variables.flatMap((schema) => Object.values(schema).flatMap(sideNamesOf)),
  ]);
  const ours = prefixesOf(known);
  const candidates = [
    ...Object.keys(file).map((name) => ({ name, source: ".env" as const })),
    ...Object.keys(processEnv)
      .filter((name) => ours.has(prefixOf(name)) && !(name in file))
      .map((name) => ({ name, source: "environment" as const })),
  ];
  return (
    candidates
      .filter(({ name }) => !known.has(name))
      .map((each) => ({ ...each, nearest: nearestName(each.name, known) }))
      // What is in the environment may be for any other program, and resembles nothing here then.
      .filter(({ source, nearest }) => source === ".env" || nearest !== undefined)
  );
}

/** What `storage copy` reads for one of its sides alone. */
function sideNamesOf({ name, secret }: Variable<unknown>): readonly string[] {
  const names = secret === true ? [name, `${name}_FILE`] : [name];
  return (["from", "to"] as const).flatMap((side) => names.map((each) => sideVariable(side, each)));
}

/** First words that only this kit's variables have; `AWS_`, `DATABASE_` and the like belong to others as well. */
function prefixesOf(known: ReadonlySet<string>): ReadonlySet<string> {
  const shared = new Set([
    "AWS",
    "DATABASE",
    "GOOGLE",
    "HOST",
    "PORT",
    "NODE",
    "APP",
    "RENDER",
    "RAILWAY",
    "LOG",
    "AZURE",
    "OTEL",
  ]);
  return new Set([...known].map(prefixOf).filter((prefix) => !shared.has(prefix)));
}

function prefixOf(name: string): string {
  return name.split("_", 1)[0] ?? name;
}
