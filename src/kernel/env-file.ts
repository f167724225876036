import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { ConfigurationError } from "./configuration-error.js";
import { type Environment, readVariable } from "./environment.js";

/** Carried by an environment and its copies; no variable can have it as its name. */
const fileNames = Symbol("names of the .env file");

/**
 * The process environment over the `.env` file of the working directory. The process wins, so that a
 * deployment can override the file; a file that is not there is no error. Changes nothing in the process.
 *
 * @param file - path of the file, relative to the working directory.
 * @throws ConfigurationError when the file is there and cannot be read.
 */
export function readEnvironment(file = ".env", env: Environment = process.env): Environment {
  const inFile = readEnvFile(file);
  const names = new Set(Object.keys(inFile).filter((name) => env[name] === undefined));
  return Object.freeze({ ...inFile, ...env, ...(names.size > 0 ? { [fileNames]: names } : {}) });
}

/** Where a variable has its value from: the `.env` file, which may be that of a stranger's folder, or the process. */
export type VariableSource = "file" | "process";

/**
 * Where the value of a variable, or of the `NAME_FILE` that stands for it, comes from; `undefined` when it is not set. An
 * environment that {@link readEnvironment} did not make is all of the process.
 */
export function sourceOf(env: Environment, name: string): VariableSource | undefined {
  const set = [name, `${name}_FILE`].find((each) => readVariable(env, each) !== undefined);
  if (set === undefined) return undefined;
  const names = (env as { readonly [fileNames]?: ReadonlySet<string> })[fileNames];
  return names?.has(set) === true ? "file" : "process";
}

/** Says of a variable of a copy of an environment where its value comes from. */
export function markSource(
  env: Record<string, string | undefined>,
  name: string,
  source: VariableSource,
): void {
  const marked = env as { [fileNames]?: ReadonlySet<string> };
  const names = new Set(marked[fileNames]);
  if (source === "file") names.add(name);
  else names.delete(name);
  marked[fileNames] = names;
}

function readEnvFile(file: string): Environment {
  try {
    // Editors on Windows begin a file with a byte order mark, which is no part of the first name.
    return parseEnv(readFileSync(file, "utf8").replace(/^\uFEFF/, "")) as Environment;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return {};
    throw new ConfigurationError([{ name: file, message: `cannot be read (${codeOf(error)})` }], {
      cause: error,
    });
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : "unreadable";
}
