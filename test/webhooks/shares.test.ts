import { createServer, type Server, type Socket } from "node:net";
import Fastify, { type FastifyInstance } from "fastify";
import { addSqlDb, type SqlDb } from "svc-infra/sql";
import { addWebhooks, type Webhooks } from "svc-infra/webhooks";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DeliveryClaims } from "#dist/webhooks/deliveries/delivery-claims.js";
import * as schema from "#dist/webhooks/schema.js";
import { createTables } from "./create-tables.js";
import { Endpoint } from "./endpoint.js";

/** Of 32 attempts one server has at most as many. */
const share = 8;
/** Deliveries to each endpoint: more than a process claims at a time. */
const count = 80;

let app: FastifyInstance;
let webhooks: Webhooks;
let endpoints: Endpoint[];
let silent: Silent;

beforeEach(async () => {
  app = Fastify();
  endpoints = [];
  silent = await Silent.start();
  const sql = await addSqlDb(app, { url: "pglite:memory", env: {} });
  await createTables(sql, schema);
  // An attempt outlasts each test, so that what holds one holds it for good.
  webhooks = await addWebhooks(app, { allowPrivateAddresses: true, timeoutMs: 120_000, env: {} });
  await app.ready();
});

afterEach(async () => {
  for (const each of endpoints) each.stop();
  silent.stop();
  await app.close();
});

/** A server that accepts connections and never answers. */
class Silent {
  readonly sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((socket) => {
      this.sockets.add(socket.on("error", () => undefined));
    });
  }

  static async start(): Promise<Silent> {
    const made = new Silent();
    await new Promise<void>((resolve) => made.#server.listen(0, "127.0.0.1", resolve));
    return made;
  }

  get url(): string {
    return `http://127.0.0.1:${Object(this.#server.address()).port}/hook`;
  }

  stop(): void {
    for (const each of this.sockets) each.destroy();
    this.#server.close();
  }
}

async function open(answer: Endpoint["answer"]): Promise<Endpoint> {
  const endpoint = await Endpoint.start();
  endpoint.answer = answer;
  endpoints.push(endpoint);
  return endpoint;
}

/** Answers nothing until as many messages are there at the same time as one server gets of a process. */
function inFull(): Endpoint["answer"] {
  const held: Parameters<Endpoint["answer"]>[0][] = [];
  return (response) => {
    held.push(response);
    if (held.length === share) for (const each of held.splice(0)) each.writeHead(204).end();
  };
}

const neverAnswers: Endpoint["answer"] = () => undefined;

async function subscribe(tenant: string, type: string, url: string): Promise<string> {
  const { subscription } = await webhooks.subscriptions.add(tenant, { url, events: [type] });
  await webhooks.subscriptions.markProved(tenant, subscription.id, subscription.url);
  return subscription.id;
}

async function dispatch(tenant: string, type: string): Promise<void> {
  const events = Array.from({ length: count }, (_, index) => ({
    id: `evt_${tenant}_${type.replace(".", "_")}_${index}`,
    type,
    tenant,
    occurredAt: new Date(),
    data: {},
  }));
  await webhooks.dispatchIn(app.db, events);
}

describe("an endpoint that answers gets as many messages at once as it gets alone, and all of them", () => {
  it("while others of its tenant are slow, silent, limited, gone and dead", async () => {
    const fast = await open(inFull());
    const slow = await open(neverAnswers);
    const limited = await open((response) => response.writeHead(429, { "retry-after": "3600" }).end());
    const gone = await open((response) => response.writeHead(410).end());
    const dead = await Endpoint.start();
    const troubled = { slow, limited, gone, dead, silent };
    for (const [name, { url }] of Object.entries(troubled)) await subscribe("acme", `${name}.a`, url);
    dead.stop();
    for (const name of Object.keys(troubled)) await dispatch("acme", `${name}.a`);
    webhooks.wake();
    await expect.poll(() => [slow.received.length, silent.sockets.size]).toEqual([share, share]);
    const id = await subscribe("acme", "fast.a", fast.url);
    await dispatch("acme", "fast.a");
    webhooks.wake();
    await expect.poll(() => fast.received.length).toBe(count);
    const delivered = async () =>
      (await webhooks.deliveries.list("acme", { subscription: id, limit: 100 })).filter(
        (each) => each.finishedAt,
      );
    await expect.poll(async () => (await delivered()).length).toBe(count);
    expect([slow.received.length, silent.sockets.size]).toEqual([share, share]);
    expect(limited.received.length).toBeLessThanOrEqual(share);
    expect(gone.received.length).toBeLessThanOrEqual(share);
  });

  it("while another server holds what many subscriptions send it", async () => {
    const slow = await open(neverAnswers);
    const fast = await open(inFull());
    for (const tenant of ["a", "b", "c", "d", "e"]) {
      await subscribe(tenant, "slow.a", slow.url);
      await dispatch(tenant, "slow.a");
    }
    webhooks.wake();
    await expect.poll(() => slow.received.length).toBe(share);
    await subscribe("acme", "fast.a", fast.url);
    await dispatch("acme", "fast.a");
    webhooks.wake();
    await expect.poll(() => fast.received.length).toBe(count);
    expect(slow.received).toHaveLength(share);
  });

  it("while another server holds what many subscriptions of the same tenant send it", async () => {
    const slow = await open(neverAnswers);
    const fast = await open(inFull());
    for (const type of ["slow.a", "slow.b", "slow.c", "slow.d"]) {
      await subscribe("acme", type, slow.url);
      await dispatch("acme", type);
    }
    webhooks.wake();
    await expect.poll(() => slow.received.length).toBe(share);
    await subscribe("acme", "fast.a", fast.url);
    await dispatch("acme", "fast.a");
    webhooks.wake();
    await expect.poll(() => fast.received.length).toBe(count);
    expect(slow.received).toHaveLength(share);
  });

  it("while another server has many messages by URLs of as many spellings", async () => {
    const slow = await open(neverAnswers);
    const fast = await open(inFull());
    const host = `127.0.0.1:${slow.port}`;
    const urls = [`//${host}?1`, `//${host}?2`, `\\\\${host}\\hook`, `//127.1:${slow.port}/`].map(
      (rest) => `http:${rest}`,
    );
    for (const [index, url] of urls.entries()) {
      await subscribe("acme", `slow.n${index}`, url);
      await dispatch("acme", `slow.n${index}`);
    }
    webhooks.wake();
    await expect.poll(() => slow.received.length).toBe(share);
    await subscribe("acme", "fast.a", fast.url);
    await dispatch("acme", "fast.a");
    webhooks.wake();
    await expect.poll(() => fast.received.length).toBe(count);
    expect(slow.received).toHaveLength(share);
  });

  it("while another tenant has many slow servers", async () => {
    const slow = await Promise.all(Array.from({ length: 5 }, () => open(neverAnswers)));
    const fast = await open(inFull());
    for (const [index, { url }] of slow.entries()) {
      await subscribe("slow", `slow.n${index}`, url);
      await dispatch("slow", `slow.n${index}`);
    }
    const held = () => slow.reduce((sum, { received }) => sum + received.length, 0);
    webhooks.wake();
    await expect.poll(held).toBe(3 * share);
    await subscribe("acme", "fast.a", fast.url);
    await dispatch("acme", "fast.a");
    webhooks.wake();
    await expect.poll(() => fast.received.length).toBe(count);
    expect(held()).toBe(3 * share);
  });
});

describe("what one claims of more than it may take", () => {
  const nobody = new Map<string, number>();
  const held = { bySubscription: nobody, byHost: nobody, byTenant: nobody };
  /** The tenants of the claimed deliveries, in the order of their attempts. */
  const claimed = async () => {
    const rules = { limit: 8, share: 64, tenantShare: 192, held };
    return (await new DeliveryClaims(app.db).claim(rules, 60_000)).map(({ delivery }) => delivery.tenant);
  };

  beforeEach(async () => {
    await app.close();
    app = Fastify();
    const sql = await addSqlDb(app, { url: "pglite:memory", env: {} });
    await createTables(sql, schema);
    webhooks = await addWebhooks(app, { allowPrivateAddresses: true, deliver: false, env: {} });
    await app.ready();
  });

  it("has the tenants in turns, however much waits for one of them, and for how long", async () => {
    for (const tenant of ["a", "b", "c"]) {
      await subscribe(tenant, "x.a", `http://127.0.0.1:${tenant.charCodeAt(0)}/hook`);
      await dispatch(tenant, "x.a");
    }
    expect(await claimed()).toEqual(["a", "b", "c", "a", "b", "c", "a", "b"]);
  });

  it("has them in turns where all of them send to one server", async () => {
    for (const tenant of ["a", "b"]) {
      for (const type of tenant === "a" ? ["x.a", "x.b", "x.c"] : ["x.a"]) {
        await subscribe(tenant, type, silent.url);
        await dispatch(tenant, type);
      }
    }
    expect(await claimed()).toEqual(["a", "b", "a", "b", "a", "b", "a", "b"]);
  });

  it("has the subscriptions of a tenant in turns", async () => {
    const types = ["x.a", "x.b", "x.c"];
    for (const type of types) {
      await subscribe("a", type, silent.url);
      await dispatch("a", type);
    }
    const rules = { limit: 6, share: 64, tenantShare: 192, held };
    const order = (await new DeliveryClaims(app.db).claim(rules, 60_000)).map(
      ({ delivery }) => delivery.eventType,
    );
    expect(order).toEqual([...types, ...types]);
  });
});

it("a process with fewer than four attempts, of which a quarter is none, is refused", async () => {
  const other = Fastify();
  other.decorate<SqlDb>("sql", app.sql).decorate("db", app.db);
  await expect(addWebhooks(other, { concurrency: 3, env: {} })).rejects.toThrow(/4 to 1000/);
  await other.close();
});
