import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { ConfigurationError } from "./configuration-error.js";
import type { Environment } from "./environment.js";

/**
 * The process environment over the `.env` file of the working directory. The process wins, so that a
 * deployment can override the file; a file that is not there is no error. Changes nothing in the process.
 *
 * @param file - path of the file, relative to the working directory.
 * @throws ConfigurationError when the file is there and cannot be read.
 */
export function readEnvironment(file = ".env", env: Environment = process.env): Environment {
  return Object.freeze({ ...readEnvFile(file), ...env });
}

function readEnvFile(file: string): Environment {
  try {
    return parseEnv(readFileSync(file, "utf8")) as Environment;
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
