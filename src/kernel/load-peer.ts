import { ConfigurationError } from "./configuration-error.js";

/**
 * Imports an optional peer dependency with the first use of what needs it.
 *
 * @param name - the package, as it is installed: `pg`.
 * @param neededFor - what needs it, as it starts the message: `addSqlDb on PostgreSQL`.
 * @throws ConfigurationError that names the package and the command that installs it.
 */
export async function loadPeer<T>(name: string, neededFor: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw error;
    const message = `${neededFor} needs a package that is not installed: npm install ${name}`;
    throw new ConfigurationError([{ name, message }], { cause: error });
  }
}
