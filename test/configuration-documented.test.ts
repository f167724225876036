import { readFileSync } from "node:fs";
import type { SettingsSchema } from "svc-infra/kernel";
import { describe, expect, it } from "vitest";
import { appVariables } from "#dist/app/settings.js";
import { authVariables } from "#dist/auth/settings.js";
import { cacheVariables } from "#dist/cache/settings.js";
import { idempotencyVariables } from "#dist/idempotency/settings.js";
import { jobsVariables, registryVariables } from "#dist/jobs/settings.js";
import { mailVariables } from "#dist/mail/settings.js";
import { mongoVariables } from "#dist/mongo/settings.js";
import { observabilityVariables } from "#dist/observability/settings.js";
import { paymentVariables } from "#dist/payments/settings.js";
import { migrationVariables, schemaVariables } from "#dist/sql/migrations/settings.js";
import { sqlVariables } from "#dist/sql/settings.js";
import { backendVariables } from "#dist/storage/backends.js";
import { storageVariables } from "#dist/storage/settings.js";
import { tenancyVariables } from "#dist/tenancy/settings.js";
import { webhookVariables } from "#dist/webhooks/settings.js";

const text = readFileSync("docs/configuration.md", "utf8");
const documented = new Set(text.split("\n").filter((line) => line.startsWith("| `")));

/** The row of the documentation that a variable must have. */
function rowsOf(schema: SettingsSchema): string[] {
  return Object.values(schema).map(({ name, aliases = [], expected, help, secret, ...rest }) => {
    const names = [name, ...aliases].map((each) => `\`${each}\``).join(", else ");
    const held = rest.default === undefined ? (rest.defaultText ?? "") : `\`${String(rest.default)}\``;
    return `| ${names} | ${help} | ${expected} | ${held} | ${secret === true ? "yes" : ""} |`;
  });
}

const schemas: Record<string, SettingsSchema> = {
  mail: mailVariables,
  jobs: jobsVariables,
  registry: registryVariables,
  app: appVariables,
  sql: sqlVariables,
  migrations: migrationVariables,
  schema: schemaVariables,
  payments: paymentVariables,
  storage: storageVariables,
  observability: observabilityVariables,
  mongo: mongoVariables,
  cache: cacheVariables,
  idempotency: idempotencyVariables,
  tenancy: tenancyVariables,
  webhooks: webhookVariables,
  auth: authVariables,
  ...backendVariables,
};

describe("docs/configuration.md", () => {
  it.each(Object.entries(schemas))("has a row for every variable of %s", (_name, schema) => {
    for (const row of rowsOf(schema)) expect(documented).toContain(row);
  });

  it("has no variable that nothing reads", () => {
    const read = Object.values(schemas).flatMap(rowsOf);
    const known = [...read, "| `APP_ENV`, else `NODE_ENV` |"];
    const dead = [...documented].filter((row) => !known.some((each) => row.startsWith(each)));
    expect(dead).toEqual([]);
  });
});
