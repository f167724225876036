import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { easySqlDb, type SqlDb } from "svc-infra/sql";
import { afterEach, beforeEach, expect, it } from "vitest";
import * as authSchema from "#dist/auth/schema.js";
import * as outboxSchema from "#dist/jobs/outbox/outbox-table.js";
import { Inbox } from "../auth/inbox.js";
import { freePorts } from "../rigs/free-ports.js";
import { type PostgresRig, startPostgres } from "../rigs/postgres.js";
import { createTables } from "../webhooks/create-tables.js";

const rounds = Number(process.env.KILLED_SIGN_UPS ?? 2);
const atOnce = 3;
const within = { timeout: 60_000, interval: 50 };

let rig: PostgresRig;
let sql: SqlDb;
let smtpPort: number;
let inbox: Inbox | undefined;
let processes: ChildProcess[];

beforeEach(async () => {
  processes = [];
  inbox = undefined;
  rig = await startPostgres();
  [smtpPort = 0] = await freePorts(1);
  sql = await easySqlDb({ url: rig.url }, { env: {} });
  await createTables(sql, { ...authSchema, ...outboxSchema });
});

afterEach(async () => {
  await Promise.all(processes.map(kill));
  await inbox?.stop();
  await sql.close();
  await rig.stop();
});

/** Starts the service; tells where it listens. */
async function start(): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const env = {
    PATH: process.env.PATH ?? "",
    SQL_URL: rig.url,
    MAIL_URL: `smtp://127.0.0.1:${smtpPort}`,
    AUTH_SECRET: "a-secret-of-the-tests-of-more-than-32-characters",
  };
  const child = fork("test/faults/auth-mail-service.js", { env });
  processes.push(child);
  const [port] = await once(child, "message");
  return { child, url: `http://127.0.0.1:${port}` };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

let clients = 0;

async function signUp(url: string, email: string): Promise<void> {
  clients += 1;
  const answer = await fetch(`${url}/auth/sign-up/email`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      origin: "http://localhost:3000",
      "x-forwarded-for": `10.0.0.${clients}`,
    },
    body: JSON.stringify({ email, password: "correct staple horse 7", name: "A" }),
  });
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining(email)]);
}

const addressesOf = (round: number) =>
  Array.from({ length: atOnce }, (_, index) => `u${round}-${index}@example.com`);

it(
  "no mail of a sign-up is lost though the server of mail is down and the service is killed at each answer",
  async () => {
    for (let round = 0; round < rounds; round++) {
      const { child, url } = await start();
      await Promise.all(addressesOf(round).map((email) => signUp(url, email)));
      await kill(child);
    }
    inbox = await Inbox.start(smtpPort);
    await start();
    const arrived = inbox;
    for (const email of Array.from({ length: rounds }, (_, round) => addressesOf(round)).flat()) {
      await expect.poll(() => arrived.countOf(email), within).toBeGreaterThan(0);
    }
  },
  120_000 + rounds * 20_000,
);

it("a mail arrives though the service was killed while it handed it over", async () => {
  const [email = ""] = addressesOf(0);
  inbox = await Inbox.start(smtpPort);
  const { child, url } = await start();
  const isHeld = inbox.hold();
  await signUp(url, email);
  await isHeld;
  await kill(child);
  expect(inbox.countOf(email)).toBe(0);
  inbox.release();
  const { url: next } = await start();
  const arrived = inbox;
  await expect.poll(() => arrived.countOf(email), within).toBeGreaterThan(0);
  const link = await arrived.linkTo(email);
  const confirmed = await fetch(next + link.pathname + link.search, { redirect: "manual" });
  expect(confirmed.status).toBe(302);
});
