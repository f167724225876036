import Fastify, { type FastifyInstance } from "fastify";
import { addStorage } from "svc-infra";
import { addEvents, type EventEnvelope, objectEvents, onEvent } from "svc-infra/events";
import { addJobs } from "svc-infra/jobs";
import { addSqlDb, type SqlDb } from "svc-infra/sql";
import { Storage, StorageError } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import type { Scanner } from "svc-infra/storage/policy";
import { addWebhooks } from "svc-infra/webhooks";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import * as outboxSchema from "#dist/jobs/outbox/outbox-table.js";
import * as webhookSchema from "#dist/webhooks/schema.js";
import { createTables } from "../webhooks/create-tables.js";
import { Endpoint } from "../webhooks/endpoint.js";

const backend = new MemoryBackend({
  baseUrl: "http://127.0.0.1:1/files",
  secrets: ["0123456789abcdef0123456789abcdef"],
});
let app: FastifyInstance;
let endpoint: Endpoint;
let heard: { readonly event: EventEnvelope; readonly wasThere: boolean }[] = [];

/** Finds content that says so. */
const scanner: Scanner = {
  name: "test",
  maxBytes: 1_000,
  begin: async () => {
    let text = "";
    return {
      pass: async (piece) => {
        text += Buffer.from(piece).toString();
      },
      end: async () => (text === "infected" ? { isClean: false, found: "a test" } : { isClean: true }),
      cancel: () => undefined,
    };
  },
  check: async () => undefined,
};

/** What a reader sees while the event is handled. */
async function hear(event: EventEnvelope): Promise<void> {
  const { key } = Object(event.data);
  heard.push({ event, wasThere: await new Storage(backend).exists(key) });
}

beforeAll(async () => {
  app = Fastify();
  endpoint = await Endpoint.start();
  const sql = await addSqlDb(app, { url: "pglite:memory", env: {} });
  await createTables(sql, { ...outboxSchema, ...webhookSchema });
  const events = await addEvents(app, {
    events: Object.values(objectEvents),
    consumers: [
      onEvent(objectEvents.created, "created", hear),
      onEvent(objectEvents.deleted, "deleted", hear),
      onEvent(objectEvents.infected, "infected", hear),
    ],
    tenantOfKey: (key) => (key.startsWith("acme/") ? "acme" : undefined),
  });
  await addJobs(app, { jobs: [...events.jobs], env: {} });
  await addWebhooks(app, { allowPrivateAddresses: true, ports: [endpoint.port], env: {} });
  await addStorage(app, backend, {
    policy: { scan: scanner },
  });
  await app.ready();
  const { subscription, secret } = await app.webhooks.subscriptions.add("acme", {
    url: endpoint.url,
    events: ["storage.object.*"],
  });
  endpoint.secrets = [secret];
  await app.webhooks.prove("acme", subscription.id);
});

afterAll(async () => {
  await app.close();
  endpoint.stop();
});

beforeEach(() => {
  heard = [];
  endpoint.received.splice(0);
});

const told = () => heard.map(({ event: { type, data } }) => `${type} ${Object(data).key}`).sort();
const soon = { timeout: 60_000 };

it("an object is told of when it can be seen, with its size and type, to jobs and to its tenant's webhooks", async () => {
  const { etag } = await app.storage.forTenant("acme").put("a.txt", "content");
  await expect.poll(told, soon).toEqual(["storage.object.created acme/a.txt"]);
  const [{ event, wasThere } = { event: undefined, wasThere: false }] = heard;
  expect(wasThere).toBe(true);
  expect(event).toMatchObject({
    tenant: "acme",
    data: { key: "acme/a.txt", size: 7, contentType: "text/plain; charset=utf-8", etag },
  });
  await expect.poll(() => endpoint.received.map(({ id }) => id), soon).toEqual([event?.id]);
});

it("webhooks of no tenant hear of an object that belongs to none", async () => {
  await app.storage.put("loose.txt", "1");
  await app.storage.put("acme/tied.txt", "1");
  await expect.poll(told, soon).toHaveLength(2);
  const keys = () => endpoint.received.map(({ data }) => Object(data).key);
  await expect.poll(keys, soon).toContain("acme/tied.txt");
  expect(keys()).not.toContain("loose.txt");
});

it("copies, moves, finished uploads and deletions are told, a deletion each time that it is asked for", async () => {
  await app.storage.put("b", "1");
  await app.storage.copy("b", "c");
  await app.storage.move("c", "d");
  await app.storage.deleteMany(["b", "d"]);
  await app.storage.delete("b");
  await expect
    .poll(told, soon)
    .toEqual([
      "storage.object.created b",
      "storage.object.created c",
      "storage.object.created d",
      "storage.object.deleted b",
      "storage.object.deleted b",
      "storage.object.deleted c",
      "storage.object.deleted d",
    ]);
});

it("an upload in steps is told of when it is completed, and what is staged for it never", async () => {
  const { id, url } = await app.storage.prepareUpload("direct.txt", { size: 5, contentType: "text/plain" });
  const { pathname, search } = new URL(url ?? "");
  const headers = { "content-type": "text/plain" };
  const sent = await app.inject({ method: "PUT", url: pathname + search, headers, payload: "bytes" });
  expect(sent.statusCode).toBeLessThan(300);
  expect(heard).toEqual([]);
  await app.storage.completeUpload(id);
  await app.storage.put("after", "1");
  await expect
    .poll(told, soon)
    .toEqual(["storage.object.created after", "storage.object.created direct.txt"]);
});

it("what is refused is not told of, and what is infected is told as that", async () => {
  await expect(app.storage.put("a/../b", "1")).rejects.toThrow(StorageError);
  await expect(app.storage.put("e", "1", { checksum: `sha256:${"0".repeat(64)}` })).rejects.toThrow(
    StorageError,
  );
  await expect(app.storage.put("virus", "infected")).rejects.toMatchObject({ code: "infected" });
  const stream = new Blob(["infected"]).stream();
  await expect(app.storage.put("stream", stream)).rejects.toMatchObject({ code: "infected" });
  await expect.poll(told, soon).toEqual(["storage.object.infected stream", "storage.object.infected virus"]);
  expect(heard.map(({ wasThere }) => wasThere)).toEqual([false, false]);
});

it("a call whose event cannot be kept fails, and tells it when it is repeated", async () => {
  await app.db.execute("alter table svc_infra_outbox rename to away");
  await expect(app.storage.put("f", "1")).rejects.toMatchObject({ code: "unavailable" });
  await app.db.execute("alter table away rename to svc_infra_outbox");
  await app.storage.put("f", "1");
  await expect.poll(told, soon).toEqual(["storage.object.created f"]);
});

it("what was done by a call whose event could not be kept is told when the call is repeated, whatever it answers", async () => {
  const away = (from: string, to: string) => app.db.execute(`alter table ${from} rename to ${to}`);
  await new Storage(backend).put("doomed", "1");
  await away("svc_infra_outbox", "away");
  const unavailable = { code: "unavailable" };
  await expect(app.storage.delete("doomed")).rejects.toMatchObject(unavailable);
  await expect(app.storage.put("once", "1", { ifAbsent: true })).rejects.toMatchObject(unavailable);
  await expect(app.storage.copy("once", "twin", { ifAbsent: true })).rejects.toMatchObject(unavailable);
  await away("away", "svc_infra_outbox");
  await app.storage.delete("doomed");
  const met = { code: "precondition_failed" };
  await expect(app.storage.put("once", "1", { ifAbsent: true })).rejects.toMatchObject(met);
  await expect(app.storage.copy("once", "twin", { ifAbsent: true })).rejects.toMatchObject(met);
  await expect
    .poll(told, soon)
    .toEqual(["storage.object.created once", "storage.object.created twin", "storage.object.deleted doomed"]);
});

it.each([
  ["created", ["storage.object.created once"]],
  ["deleted", ["storage.object.deleted once"]],
  ["infected", []],
] as const)(
  "of a service that was given '%s' alone, nothing else is told, and nothing fails",
  async (name, expected) => {
    const other = Fastify();
    other.decorate<SqlDb>("sql", app.sql).decorate("db", app.db).decorate("jobs", app.jobs);
    await addEvents(other, { events: [objectEvents[name]], webhooks: false });
    const storage = await addStorage(other, new MemoryBackend(), { policy: { scan: scanner } });
    await storage.put("once", "1");
    await storage.delete("once");
    await expect(storage.put("virus", "infected")).rejects.toMatchObject({ code: "infected" });
    await expect.poll(told, soon).toEqual(name === "infected" ? ["storage.object.infected virus"] : expected);
    await other.close();
  },
);

it("what a scanner of a derived storage refuses is told of, too", async () => {
  const other = Fastify();
  other.decorate("objectNews", app.objectNews);
  const storage = await addStorage(other, new MemoryBackend());
  const scanned = storage.withPolicy({ scan: scanner });
  await expect(scanned.put("derived", "infected")).rejects.toMatchObject({ code: "infected" });
  await expect.poll(told, soon).toEqual(["storage.object.infected derived"]);
  await other.close();
});
