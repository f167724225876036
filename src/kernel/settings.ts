import { readFileSync } from "node:fs";
import { ConfigurationError, type ConfigurationProblem } from "./configuration-error.js";
import { type Environment, readVariable } from "./environment.js";
import { withoutUserinfo } from "./userinfo.js";
import type { SettingOptions, SettingsOf, SettingsSchema, Variable } from "./variable.js";

/**
 * Reads the settings of a feature: an option beats the environment, the environment beats the default.
 * An empty variable counts as not set. A secret may also be in the file that `NAME_FILE` names; a byte
 * order mark at its start and one newline at its end are dropped.
 *
 * @param options - values given in code, by the names of the schema.
 * @returns the settings, frozen.
 * @throws ConfigurationError naming every variable and option at fault, never with the value of a secret.
 */
export function loadSettings<S extends SettingsSchema>(
  schema: S,
  env: Environment,
  options: SettingOptions<S> = {},
): SettingsOf<S> {
  return parseSettings(schema, env, options);
}

/** As {@link loadSettings}, for options that no type checker has seen. */
export function parseSettings<S extends SettingsSchema>(
  schema: S,
  env: Environment,
  options: object,
): SettingsOf<S> {
  const given = new Map<string, unknown>(Object.entries(options));
  const problems = findUnknownOptions(schema, given);
  const values: Record<string, unknown> = {};
  for (const [name, variable] of Object.entries(schema)) {
    const read = readSetting(name, variable, env, given.get(name));
    if ("problem" in read) problems.push(read.problem);
    else values[name] = read.value;
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  return Object.freeze(values) as SettingsOf<S>;
}

type Read<T> = { readonly value: T } | { readonly problem: ConfigurationProblem };

interface Source {
  /** As the person who set it knows it. */
  readonly name: string;
  readonly raw: unknown;
}

function readSetting(
  optionName: string,
  variable: Variable<unknown>,
  env: Environment,
  option: unknown,
): Read<unknown> {
  if (option !== undefined) return parse(variable, { name: `option '${optionName}'`, raw: option });
  for (const name of [variable.name, ...(variable.aliases ?? [])]) {
    const source = variable.secret === true ? readSecret(env, name) : readPlain(env, name);
    if (source === undefined) continue;
    return "problem" in source ? source : parse(variable, source);
  }
  return { value: variable.default };
}

function readPlain(env: Environment, name: string): Source | undefined {
  const raw = readVariable(env, name);
  return raw === undefined ? undefined : { name, raw };
}

function readSecret(env: Environment, name: string): Source | { problem: ConfigurationProblem } | undefined {
  const plain = readPlain(env, name);
  const fileVariable = `${name}_FILE`;
  const file = readVariable(env, fileVariable);
  if (file === undefined) return plain;
  if (plain !== undefined) {
    return { problem: { name, message: `is set and ${fileVariable} is set too; expected one of them` } };
  }
  return readSecretFile(fileVariable, file);
}

/** An empty file is refused: unlike an empty variable, it was meant to hold something. */
function readSecretFile(name: string, file: string): Source | { problem: ConfigurationProblem } {
  const expected = "expected a readable file that holds the secret";
  try {
    const raw = readFileSync(file, "utf8").replace(/^\uFEFF|\r?\n$/g, "");
    return raw === "" ? { problem: { name, message: `${expected}; it is empty` } } : { name, raw };
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    return { problem: { name, message: `${expected} (${reason})` } };
  }
}

function parse(variable: Variable<unknown>, { name, raw }: Source): Read<unknown> {
  const parsed = variable.type.safeParse(raw);
  if (parsed.success) return { value: parsed.data };
  const received = variable.secret === true ? "" : `, not ${show(raw)}`;
  return { problem: { name, message: `expected ${variable.expected}${received}` } };
}

function show(raw: unknown): string {
  const isPlain = ["string", "number", "boolean"].includes(typeof raw) || raw === null;
  return isPlain ? withoutUserinfo(JSON.stringify(raw)).slice(0, 80) : `a value of type ${typeof raw}`;
}

function findUnknownOptions(
  schema: SettingsSchema,
  given: ReadonlyMap<string, unknown>,
): ConfigurationProblem[] {
  return [...given]
    .filter(([name, value]) => value !== undefined && !Object.hasOwn(schema, name))
    .map(([name]) => ({
      name: `option '${name}'`,
      message: `is not known here; expected one of ${Object.keys(schema).join(", ")}`,
    }));
}
