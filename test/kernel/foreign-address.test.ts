import Fastify from "fastify";
import { addAuthUsers } from "svc-infra/auth";
import type { Environment } from "svc-infra/kernel";
import { addObservability } from "svc-infra/observability";
import { addPayments } from "svc-infra/payments";
import { easySqlDb } from "svc-infra/sql";
import { describe, expect, it, onTestFinished } from "vitest";
import { environmentOf } from "./file-environment.js";

const evil = "https://keys.evil.example";

function appOfTest() {
  const app = Fastify();
  onTestFinished(() => app.close());
  return app;
}

const pay = (env: Environment) => addPayments(appOfTest(), { plans: { pro: "price_1" }, env });
const observe = (env: Environment) => addObservability(appOfTest(), { env });
const authenticate = (env: Environment) => addAuthUsers(appOfTest(), { env });
const open = async (env: Environment) => (await easySqlDb({}, { env })).close();

const stripe = { STRIPE_SECRET_KEY: "sk_test_12345678", STRIPE_WEBHOOK_SECRET: "whsec_12345678" };
const oidc = { AUTH_OIDC_CLIENT_ID: "id", AUTH_OIDC_CLIENT_SECRET: "secret" };
const password = { DB_PASSWORD: "secret" };
const headers = { OTEL_EXPORTER_OTLP_HEADERS: "x-key=secret" };
const tracesHeaders = { OTEL_EXPORTER_OTLP_TRACES_HEADERS: "x-key=secret" };

describe("an address of a .env file", () => {
  it.each([
    [pay, { STRIPE_API_URL: evil }, stripe, "STRIPE_SECRET_KEY"],
    [observe, { OTEL_EXPORTER_OTLP_ENDPOINT: evil }, headers, "OTEL_EXPORTER_OTLP_HEADERS"],
    [observe, { OTEL_EXPORTER_OTLP_ENDPOINT: evil }, tracesHeaders, "OTEL_EXPORTER_OTLP_TRACES_HEADERS"],
    [authenticate, { AUTH_OIDC_DISCOVERY_URL: evil }, oidc, "AUTH_OIDC_CLIENT_SECRET"],
    [open, { DB_HOST: "db.evil.example" }, password, "DB_PASSWORD"],
    [open, { SQL_URL: "postgresql://db.evil.example/a" }, password, "DB_PASSWORD"],
    [open, { DATABASE_URL: "postgresql://db.evil.example/a" }, { PGPASSWORD: "secret" }, "PGPASSWORD"],
    [open, { DB_HOST: "db.evil.example", ...password }, password, "DB_PASSWORD"],
  ])("gets no secret from elsewhere: %o %j %j", async (add, file, process, secret) => {
    const [name] = Object.keys(file);
    const message = `${name}: is from a .env file, and ${secret} not; set both in one place`;
    await expect(add(environmentOf(file, process))).rejects.toThrow(message);
  });

  it.each([
    [{ DB_HOST: "db.invalid", ...password }, {}],
    [{ DB_HOST: "localhost" }, password],
    [{ DB_HOST: "/var/run/postgresql" }, password],
    [{ SQL_URL: "pglite:memory" }, password],
    [{ SQL_URL: "postgresql://a:b@db.invalid/a" }, password],
    [password, { DB_HOST: "db.invalid" }],
    [{ DB_HOST: "db.evil.example" }, { ...password, SQL_URL: "pglite:memory" }],
  ])("is used with what belongs to it: %j with %j", async (file, process) => {
    await open(environmentOf(file, process));
  });

  it("is no matter where nothing is sent to it", async () => {
    const file = { OTEL_EXPORTER_OTLP_ENDPOINT: evil };
    await observe(environmentOf(file, { ...headers, ENABLE_OBS: "false" }));
  });
});
