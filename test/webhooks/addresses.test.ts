import { eq } from "drizzle-orm";
import Fastify, { type FastifyInstance } from "fastify";
import { addSqlDb, type SqlDb } from "svc-infra/sql";
import { addWebhooks, type Subscription, type Webhooks } from "svc-infra/webhooks";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as schema from "#dist/webhooks/schema.js";
import { privateHosts, privateNames, refusedUrls } from "../outbound/spellings.js";
import { knowNames } from "../outbound/system-names.js";
import { WatchedDials } from "../outbound/watched-dials.js";
import { createTables } from "./create-tables.js";

const { webhookSubscriptions, webhookAttempts, webhookDeliveries } = schema;

let app: FastifyInstance;
let sql: SqlDb;
let webhooks: Webhooks;
let dials: WatchedDials;
let made = 0;

beforeAll(async () => {
  dials = new WatchedDials().start();
  app = Fastify();
  sql = await addSqlDb(app, { url: "pglite:memory", env: {} });
  await createTables(sql, schema);
  webhooks = await addWebhooks(app, {
    authorize: async ({ headers }) => ({ tenant: String(headers.authorization) }),
    ports: [443, 8443],
    timeoutMs: 1000,
    env: {},
  });
  await app.ready();
});

afterAll(async () => {
  dials.stop();
  await app.close();
});

beforeEach(async () => {
  await sql.db.delete(schema.webhookSubscriptions);
  dials.addresses.length = 0;
});

const urls = [...privateHosts.map((host) => `https://${host}/hook`), ...refusedUrls.map(([, url]) => url)];
const namesInside = privateNames.map((name) => `https://${name}/hook`);

/** A subscription as it stands after its URL was proved: a name may lead elsewhere later, a row may be old. */
async function subscribedTo(url: string): Promise<Subscription> {
  const tenant = `tenant-${made++}`;
  const wanted = { url: "https://hooks.example/", events: ["*"] };
  const { subscription } = await webhooks.subscriptions.add(tenant, wanted);
  const { id } = webhookSubscriptions;
  await sql.db.update(webhookSubscriptions).set({ url, provedAt: new Date() }).where(eq(id, subscription.id));
  await webhooks.dispatch({ id: `evt_${made}`, type: "a.b", tenant, occurredAt: new Date(), data: {} });
  return subscription;
}

async function attempted(count: number): Promise<(typeof webhookAttempts.$inferSelect)[]> {
  const attempts = () => sql.db.select().from(webhookAttempts);
  await expect.poll(async () => (await attempts()).length, { timeout: 10_000 }).toBeGreaterThanOrEqual(count);
  return attempts();
}

describe("an address that is not public", () => {
  it("comes in 60 spellings and more", () => {
    expect(new Set(privateHosts).size).toBeGreaterThanOrEqual(60);
  });

  it.each(urls)("%s is reached by no subscription and by no challenge", async (url) => {
    const ask = (method: "POST" | "PATCH", path: string, payload?: object) =>
      app.inject({
        method,
        url: `/_webhooks/subscriptions${path}`,
        headers: { authorization: "acme" },
        ...(payload === undefined ? {} : { payload }),
      });
    const there = await ask("POST", "", { url: "https://hooks.example/", events: ["*"] });
    const { id } = there.json().subscription;
    const answers = [await ask("POST", "", { url, events: ["*"] }), await ask("PATCH", `/${id}`, { url })];
    if (namesInside.includes(url)) {
      // What a name resolves to is looked at when it is dialled.
      expect(answers.map(({ statusCode }) => statusCode)).toEqual([201, 200]);
      const proving = await ask("POST", `/${id}/prove`);
      expect([proving.statusCode, proving.json().code]).toEqual([422, "challenge_failed"]);
      expect(proving.json().detail).toMatch(/; the URL could not be reached$/);
    } else {
      for (const answer of answers) {
        expect([answer.statusCode, answer.json().code]).toEqual([
          400,
          expect.stringMatching(/^(url|address)_refused$/),
        ]);
      }
    }
    expect(dials.addresses).toEqual([]);
  });

  it("is reached by no delivery, whatever its spelling, though the subscription was proved", async () => {
    for (const url of urls) await subscribedTo(url);
    const attempts = await attempted(urls.length);
    expect(new Set(attempts.map(({ delivery }) => delivery)).size).toBe(urls.length);
    expect(attempts.filter(({ status }) => status !== null)).toEqual([]);
    expect(dials.addresses).toEqual([]);
  }, 30_000);
});

describe("a name that resolves to another address a moment later", () => {
  let forget: () => void;
  let asked: number;

  /** The first answer is public; a second look would lead inside. */
  beforeEach(() => {
    asked = 0;
    forget = knowNames({
      "rebind.example": () => [{ address: asked++ === 0 ? "8.8.8.8" : "127.0.0.1", family: 4 }],
    });
    return () => forget();
  });

  it("gets its challenge at the address that was checked", async () => {
    const wanted = { url: "https://rebind.example/", events: ["*"] };
    const { subscription } = await webhooks.subscriptions.add("acme", wanted);
    await expect(webhooks.prove("acme", subscription.id)).rejects.toMatchObject({ code: "challenge_failed" });
    expect([asked, dials.addresses]).toEqual([1, ["8.8.8.8"]]);
    await expect(webhooks.prove("acme", subscription.id)).rejects.toThrow(/could not be reached$/);
    expect([asked, dials.addresses]).toEqual([2, ["8.8.8.8"]]);
  });

  it("gets a delivery there, and none when it leads inside", async () => {
    await subscribedTo("https://rebind.example/");
    await attempted(1);
    expect([asked, dials.addresses]).toEqual([1, ["8.8.8.8"]]);
    await sql.db.update(webhookDeliveries).set({ nextAttemptAt: new Date(0) });
    webhooks.wake();
    const [, second] = await attempted(2);
    expect(second).toMatchObject({ status: null, detail: "the URL could not be reached" });
    expect([asked, dials.addresses]).toEqual([2, ["8.8.8.8"]]);
  });
});
