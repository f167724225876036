import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { easyServiceApp } from "svc-infra/app";
import { ConfigurationError, type SettingsSchema } from "svc-infra/kernel";
import { describe, expect, it, onTestFinished } from "vitest";
import { helpers } from "#dist/app/list/index.js";
import { appVariables } from "#dist/app/settings.js";
import { backendVariables } from "#dist/storage/backends.js";

/** What is wrong for a variable that takes nearly any text. */
const nonsense = "\u0000 hunter2 nonsense";

/** The same for a secret: no other value has the word that must not be told. */
const secretNonsense = "\u0000 swordfish nonsense";

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

const secrets = new Set(variables.filter(({ secret }) => secret === true).map(({ name }) => name));
const nonsenseOf = (name: string) => (secrets.has(name) ? secretNonsense : nonsense);

/** Other names of these variables. */
const aliases = variables.flatMap(({ name, aliases: others = [] }) =>
  others.map((alias) => [alias, name] as const),
);

/** Variables of each backend that cannot take any text, with the backend that reads them. */
const ofBackends = Object.entries(backendVariables).flatMap(([backend, schema]: [string, SettingsSchema]) =>
  Object.values(schema)
    .filter((variable) => !variable.type.safeParse(nonsense).success)
    .map(({ name, secret = false }) => [name, backend, secret] as const),
);

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

  it("and all of them at once are named by one error, with no secret in it", async () => {
    const { variables: atFault, message } = await failureOf(
      Object.fromEntries(names.map((name) => [name, nonsenseOf(name)])),
    );
    expect(names.filter((name) => !atFault.includes(name))).toEqual([]);
    expect(names.length).toBeGreaterThan(20);
    expect(message).not.toContain("swordfish");
  });

  it.each(ofBackends)("%s is named by the error where the backend is %s", async (name, backend) => {
    const { variables: atFault, message } = await failureOf({
      STORAGE_BACKEND: backend,
      [name]: secretNonsense,
    });
    expect(atFault).toContain(name);
    if (ofBackends.some(([other, , secret]) => other === name && secret)) {
      expect(message).not.toContain("swordfish");
    }
  });

  it.each(aliases)("%s, another name of %s, is named by the error", async (alias, name) => {
    const { message } = await failureOf({ [alias]: secretNonsense });
    expect(message).toContain(alias);
    if (secrets.has(name)) expect(message).not.toContain("swordfish");
  });

  it.each([...secrets])(
    "the file that %s_FILE names is named by the error, and not its content",
    async (name) => {
      const folder = mkdtempSync(join(tmpdir(), "nonsense-"));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      writeFileSync(join(folder, "secret"), secretNonsense);
      const { message } = await failureOf({ [`${name}_FILE`]: join(folder, "secret") });
      expect(message).toContain(name);
      expect(message).not.toContain("swordfish");
      const missing = await failureOf({ [`${name}_FILE`]: join(folder, "missing") });
      expect(missing.message).toContain(`${name}_FILE`);
    },
  );
});
