import { easyServiceApp } from "svc-infra/app";
import { ConfigurationError, type SettingsSchema } from "svc-infra/kernel";
import { describe, expect, it } from "vitest";
import { helpers } from "#dist/app/list/index.js";
import { appVariables } from "#dist/app/settings.js";
import { backendVariables } from "#dist/storage/backends.js";

/** What is wrong for a variable that takes nearly any text. */
const nonsense = "\u0000 hunter2 nonsense";

/** Variables of backends other than the one in use are not read. */
const backends: readonly SettingsSchema[] = Object.values(backendVariables);
const schemas = [appVariables, ...helpers.flatMap(({ variables }) => variables)].filter(
  (schema) => !backends.includes(schema),
);

/** Those that cannot take any text. */
const variables = schemas
  .flatMap((schema: SettingsSchema) => Object.values(schema))
  .filter((variable) => !variable.type.safeParse(nonsense).success);

const names = [...new Set(variables.map(({ name }) => name))];

/** Every helper is asked for, so every variable is read. */
const options = Object.fromEntries(helpers.map((helper) => [helper.name, true]));

async function failureOf(env: Record<string, string>): Promise<ConfigurationError> {
  const failure = await easyServiceApp({ name: "shop", ...options, env: { APP_ENV: "local", ...env } }).then(
    async (app) => app.close(),
    (error: unknown) => error,
  );
  if (failure instanceof ConfigurationError) return failure;
  throw new Error(`started, or failed otherwise: ${String(failure)}`);
}

describe("a variable set to nonsense", () => {
  it.each(names)("%s is named by the error, without its value when it is a secret", async (name) => {
    const { message, variables: atFault } = await failureOf({ [name]: nonsense });
    expect(atFault).toContain(name);
    const isSecret = variables.some((variable) => variable.name === name && variable.secret === true);
    if (isSecret) expect(message).not.toContain("hunter2");
  });

  it("and all of them at once are named by one error", async () => {
    const { variables: atFault } = await failureOf(Object.fromEntries(names.map((name) => [name, nonsense])));
    expect(names.filter((name) => !atFault.includes(name))).toEqual([]);
    expect(names.length).toBeGreaterThan(20);
  });
});
