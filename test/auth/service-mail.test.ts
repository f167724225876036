import { easyServiceApp } from "svc-infra/app";
import { expect, test } from "vitest";
import * as authTables from "#dist/auth/schema.js";
import * as outboxTables from "#dist/jobs/outbox/outbox-table.js";
import { freePorts } from "../rigs/free-ports.js";
import { createTables } from "../webhooks/create-tables.js";
import { AuthService, password, secret } from "./auth-service.js";
import { Inbox } from "./inbox.js";

const within = { timeout: 60_000, interval: 50 };

async function serviceWith(options: { readonly jobs?: false }) {
  const [port = 0] = await freePorts(1);
  const env = {
    AUTH_SECRET: secret,
    AUTH_BASE_URL: "http://localhost:3000",
    SQL_URL: "pglite:memory",
    MAIL_URL: `smtp://127.0.0.1:${port}`,
    LOG_LEVEL: "silent",
    JOBS_OUTBOX_POLL_MS: "20",
  };
  const app = await easyServiceApp({ name: "shop", sql: { autoMigrate: false }, env, ...options });
  await createTables(app.sql, { ...authTables, ...outboxTables });
  return { app, port };
}

test("a whole service with users keeps their mails in jobs: a server that is away delays a mail and loses none", async () => {
  const { app, port } = await serviceWith({});
  const row = app.service.choices.find(({ what }) => what === "jobs");
  expect(row).toMatchObject({ chosen: "memory", reason: "auth is on" });
  const email = "ann@example.com";
  const answer = await app.inject({
    method: "POST",
    url: "/auth/sign-up/email",
    headers: { host: "localhost:3000", origin: "http://localhost:3000" },
    payload: { email, password, name: "Ann" },
  });
  expect(answer.statusCode).toBe(200);
  await expect.poll(async () => (await app.jobs.queue.list("delayed")).length, within).toBe(1);
  const inbox = await Inbox.start(port);
  await expect.poll(() => inbox.countOf(email), within).toBe(1);
  await app.close();
  await inbox.stop();
});

test("code that says no to jobs has none", async () => {
  const { app } = await serviceWith({ jobs: false });
  expect(app.hasDecorator("jobs")).toBe(false);
  expect(app.mail.isQueued).toBe(false);
  await app.close();
});

test("users whose mails no job sends are told of once at the start, with what to add", async () => {
  const inbox = await Inbox.start();
  const logLines: Record<string, unknown>[] = [];
  const service = await AuthService.start(inbox, { logLines });
  expect(logLines.filter(({ msg }) => String(msg).includes("mailJobs(app)"))).toHaveLength(1);
  await service.stop();
  await inbox.stop();
});
