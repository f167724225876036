/** Environment variables, as in `process.env`. An empty string counts as not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The value of a variable; `undefined` when it is absent or empty. */
export function readVariable(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === "" ? undefined : value;
}

/** True when the variable, or the `NAME_FILE` that stands for it, has a value. */
export function isVariableSet(env: Environment, name: string): boolean {
  return readVariable(env, name) !== undefined || readVariable(env, `${name}_FILE`) !== undefined;
}

/** The environment, with `defaults` for the variables that have no value. */
export function withDefaults(env: Environment, defaults: Environment): Environment {
  const unset = Object.entries(defaults).filter(([name]) => readVariable(env, name) === undefined);
  return Object.freeze({ ...env, ...Object.fromEntries(unset) });
}
