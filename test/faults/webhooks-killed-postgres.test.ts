import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { sql as statement } from "drizzle-orm";
import Fastify, { type FastifyInstance } from "fastify";
import { addSqlDb } from "svc-infra/sql";
import { addWebhooks } from "svc-infra/webhooks";
import { afterEach, beforeEach, expect, it } from "vitest";
import * as outboxSchema from "#dist/jobs/outbox/outbox-table.js";
import * as webhookSchema from "#dist/webhooks/schema.js";
import { type PostgresRig, startPostgres } from "../rigs/postgres.js";
import { createTables } from "../webhooks/create-tables.js";
import { Endpoint } from "../webhooks/endpoint.js";

const count = Number(process.env.KILLED_WEBHOOK_EVENTS ?? 100);
const within = { timeout: 60_000 + count * 120, interval: 100 };

let rig: PostgresRig;
let app: FastifyInstance;
let endpoints: Endpoint[];
let processes: ChildProcess[];
let ports: readonly number[];

beforeEach(async () => {
  processes = [];
  rig = await startPostgres();
  endpoints = await Promise.all(Array.from({ length: 10 }, () => Endpoint.start()));
  app = Fastify();
  const sql = await addSqlDb(app, { url: rig.url, env: {} });
  await createTables(sql, { ...outboxSchema, ...webhookSchema });
  await sql.db.execute("create table orders (number int primary key)");
  ports = endpoints.map(({ port }) => port);
  await addWebhooks(app, { deliver: false, allowPrivateAddresses: true, ports, env: {} });
});

afterEach(async () => {
  await Promise.all(processes.map(kill));
  for (const endpoint of endpoints) endpoint.stop();
  await app.close();
  await rig.stop();
});

async function subscribe(endpoint: Endpoint): Promise<string> {
  const wanted = { url: endpoint.url, events: ["order.*"] };
  const { subscription, secret } = await app.webhooks.subscriptions.add("acme", wanted);
  endpoint.secrets = [secret];
  await app.webhooks.prove("acme", subscription.id);
  return subscription.id;
}

function start(role: "service" | "worker", last: number): ChildProcess {
  const env = {
    PATH: process.env.PATH ?? "",
    SQL_URL: rig.url,
    ROLE: role,
    COUNT: String(last),
    PORTS: ports.join(),
  };
  const child = spawn(process.execPath, ["test/faults/webhooks-service.js"], { env, stdio: "inherit" });
  processes.push(child);
  return child;
}

/** Publishes the next `count` events, while service and worker are killed amid them. */
async function publishAmidKills(): Promise<void> {
  const before = await numberOf("select count(*)::int as count from orders");
  const last = before + count;
  const untilPublished = (part: number) =>
    expect
      .poll(() => numberOf("select count(*)::int as count from orders"), within)
      .toBeGreaterThanOrEqual(before + Math.floor(count * part));
  const killPublishing = async () => {
    await kill(service);
    expect(await numberOf("select count(*)::int as count from orders")).toBeLessThan(last);
  };
  let [service, worker] = [start("service", last), start("worker", last)];
  await untilPublished(1 / 4);
  await Promise.all([killPublishing(), kill(worker)]);
  [service, worker] = [start("service", last), start("worker", last)];
  await untilPublished(1 / 2);
  await kill(worker);
  worker = start("worker", last);
  await untilPublished(3 / 4);
  await killPublishing();
  service = start("service", last);
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

async function numberOf(query: string): Promise<number> {
  const { rows } = Object(await app.db.execute(statement.raw(query)));
  return rows[0].count;
}

/** The ids under which each number came, of those behind the first ones. */
function idsByNumber({ received }: Endpoint, behind: number): Map<number, Set<string>> {
  const ids = new Map<number, Set<string>>();
  for (const { id, data } of received) {
    const { number } = Object(data);
    if (number > 0 && number <= behind) continue;
    ids.set(number, (ids.get(number) ?? new Set()).add(id));
  }
  return ids;
}

/** Resolves to the milliseconds until each of some endpoints has got `count` events behind the first ones. */
async function msUntilReceived(those: readonly Endpoint[], behind: number): Promise<number> {
  const startedAt = performance.now();
  await publishAmidKills();
  for (const each of those) await expect.poll(() => idsByNumber(each, behind).size, within).toBe(count);
  return performance.now() - startedAt;
}

it(
  "each event reaches each living endpoint, with one id, though service and worker are killed amid them, and the quick ones as soon as without the others",
  async () => {
    const [slow, dead, busy, gone, ...quick] = endpoints as [
      Endpoint,
      Endpoint,
      Endpoint,
      Endpoint,
      ...Endpoint[],
    ];
    for (const endpoint of quick) await subscribe(endpoint);
    const aloneMs = await msUntilReceived(quick, 0);
    await Promise.all(processes.map(kill));

    const ids: string[] = [];
    for (const endpoint of [slow, dead, busy, gone]) ids.push(await subscribe(endpoint));
    slow.answer = async (response) => {
      await sleep(2000);
      response.writeHead(204).end();
    };
    // One that takes connections and messages, and never answers.
    dead.answer = () => undefined;
    gone.answer = (response) => response.writeHead(410).end();
    // One that takes so many a second, and not the first one, as a slow machine may send no more than that. Its Retry-After holds for all that waits for it, and not for one message.
    let [refused, taken, windowMs] = [0, 0, 0];
    busy.answer = (response) => {
      if (Date.now() - windowMs >= 1000) [taken, windowMs] = [0, Date.now()];
      taken += 1;
      if (refused > 0 && taken <= 20) return response.writeHead(204).end();
      refused += 1;
      return response.writeHead(429, { "retry-after": "1" }).end();
    };

    const besideOthersMs = await msUntilReceived(quick, count);
    expect(besideOthersMs).toBeLessThan(2 * aloneMs);

    const numbers = Array.from({ length: count }, (_, index) => count + index + 1);
    const living = [...quick, slow, busy];
    for (const each of living) await expect.poll(() => idsByNumber(each, count).size, within).toBe(count);
    const outboxRows = () => numberOf("select count(*)::int as count from svc_infra_outbox");
    await expect.poll(outboxRows, within).toBe(0);

    // Those that never take a message are sent none of a transaction that was rolled back either.
    for (const { received } of endpoints) {
      expect(received.filter(({ data }) => Object(data).number < 0)).toEqual([]);
    }
    const first = idsByNumber(quick[0] ?? slow, count);
    for (const endpoint of living) {
      const received = idsByNumber(endpoint, count);
      expect([...received.keys()].sort((a, b) => a - b)).toEqual(numbers);
      for (const [number, some] of received) expect([...some]).toEqual([...(first.get(number) ?? [])]);
      expect(endpoint.unverified).toEqual([]);
    }
    expect(new Set([...first.values()].flatMap((some) => [...some])).size).toBe(count);
    expect(refused).toBeGreaterThan(0);
    const left = await app.webhooks.subscriptions.list("acme");
    expect(left.filter(({ disabledAt }) => disabledAt !== null).map(({ id }) => id)).toEqual([ids.at(-1)]);
  },
  300_000 + count * 1000,
);
