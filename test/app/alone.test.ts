import { createHook } from "node:async_hooks";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import Fastify, { type FastifyInstance } from "fastify";
import {
  addAuthUsers,
  addCache,
  addEvents,
  addIdempotency,
  addJobs,
  addMail,
  addMongoDb,
  addObservability,
  addPayments,
  addSqlDb,
  addStorage,
  addTenancy,
  addWebhooks,
  easyStorage,
} from "svc-infra";
import { defineEvent } from "svc-infra/events";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { MongoDouble } from "../rigs/mongo-double.js";

const env = { APP_ENV: "local" };

interface Case {
  readonly add: (app: FastifyInstance) => Promise<unknown>;
  /** What it says of its choice, and why. */
  readonly says: RegExp;
  /** Its check, where it has something to ask. */
  readonly health?: string;
}

const paid = defineEvent("alone.paid", z.object({ amount: z.number() }));
const mongo = new MongoDouble();
/** What a helper keeps in a folder by default is kept here. */
const folder = mkdtempSync(join(tmpdir(), "alone-"));
const startFolder = process.cwd();
beforeAll(async () => {
  process.chdir(folder);
  await mongo.listen();
});
afterAll(async () => {
  await mongo.stop();
  process.chdir(startFolder);
  rmSync(folder, { recursive: true });
});

/**
 * Every helper, with nothing set but what none can be without: `addMongoDb` has a server, `addPayments` an account to
 * charge, `addEvents` its events. One that keeps its rows in the database is as well as that one.
 */
const cases: Record<string, Case> = {
  addStorage: {
    add: async (app) => addStorage(app, await easyStorage({}, env)),
    says: /^storage is .*: /,
    health: "storage",
  },
  addCache: {
    add: (app) => addCache(app, { env }),
    says: /^cache is memory: .*REDIS_URL/,
    health: "cache",
  },
  addJobs: { add: (app) => addJobs(app, { env }), says: /^jobs are kept in memory: /, health: "jobs" },
  addMail: {
    add: (app) => addMail(app, { env }),
    says: /^mail goes to .*\.data\/mail.*: MAIL_URL is not set/,
    health: "mail",
  },
  addObservability: { add: (app) => addObservability(app, { env }), says: /^metrics are at .*METRICS_TOKEN/ },
  addTenancy: { add: (app) => addTenancy(app, { env }), says: /^tenants are told by / },
  addIdempotency: {
    add: (app) => addIdempotency(app, { env }),
    says: /^idempotency keys are kept in memory: neither CACHE_URL nor REDIS_URL is set/,
    health: "idempotency",
  },
  addSqlDb: {
    add: (app) => addSqlDb(app, { env }),
    says: /^the database is memory: nothing names/,
    health: "sql",
  },
  addWebhooks: {
    add: async (app) => {
      await addSqlDb(app, { env });
      await addWebhooks(app, { env, deliver: false });
    },
    says: /^secrets of webhooks are encrypted: WEBHOOKS_ENCRYPT_KEY is not set/,
    health: "sql",
  },
  addAuthUsers: {
    add: async (app) => {
      await addSqlDb(app, { env });
      await addMail(app, { env });
      await addAuthUsers(app, { env });
    },
    says: /^users sign in at .*: AUTH_SECRET is not set/,
    health: "sql",
  },
  addMongoDb: {
    add: (app) => addMongoDb(app, { env: { ...env, MONGO_URL: `mongodb://127.0.0.1:${mongo.port}/shop` } }),
    says: /^MongoDB is .*: MONGO_URL is set/,
    health: "mongo",
  },
  addEvents: {
    add: async (app) => {
      await addSqlDb(app, { env });
      const { jobs } = await addEvents(app, { events: [paid] });
      await addJobs(app, { env, jobs: [...jobs] });
    },
    says: /^events are alone.paid: option 'events' names them/,
    health: "jobs",
  },
  addPayments: {
    add: async (app) => {
      await addSqlDb(app, { env });
      const stripe = { STRIPE_SECRET_KEY: "sk_test_alone", STRIPE_WEBHOOK_SECRET: "whsec_alone" };
      const { jobs } = await addPayments(app, { env: { ...env, ...stripe }, plans: { pro: "price_1" } });
      await addJobs(app, { env, jobs: [...jobs] });
    },
    says: /^payments go to api.stripe.com: STRIPE_SECRET_KEY is set/,
    health: "jobs",
  },
};

/** Timers, sockets and files that keep a process from ending, by kind. */
function heldByProcess(): readonly string[] {
  return process.getActiveResourcesInfo().toSorted();
}

/** Timers and handles that code of the kit or its libraries made and has not ended, also those that keep no process alive. */
class Held {
  readonly #places = new Map<number, string>();
  readonly #hook = createHook({
    init: (id, type) => {
      if (!kinds.has(type)) return;
      const place = placeOf(new Error(type).stack);
      if (place !== undefined) this.#places.set(id, `${type} ${place}`);
    },
    destroy: (id) => void this.#places.delete(id),
  });

  watch(): void {
    this.#hook.enable();
  }

  get places(): readonly string[] {
    return [...this.#places.values()];
  }

  end(): void {
    this.#hook.disable();
  }
}

const kinds: ReadonlySet<string> = new Set([
  "Timeout",
  "Immediate",
  "TCPSERVERWRAP",
  "TCPSOCKETWRAP",
  "PIPEWRAP",
  "FSEVENTWRAP",
  "WORKER",
]);

/** The first frame that is not Node's; nothing for what the runner of the tests made. */
function placeOf(stack = ""): string | undefined {
  const frames = stack.split("\n").filter((frame) => !frame.includes("node:"));
  const place = frames.find((frame) => /file:|[( ]\//.test(frame) && !frame.includes("alone.test"));
  return place === undefined || /vitest|tinypool|chai/.test(place) ? undefined : place.trim();
}

it.each(Object.entries(cases))(
  "%s alone starts with nothing set, says why, joins health, closes within a second and leaves nothing",
  async (_name, { add, says, health }) => {
    const before = heldByProcess();
    const held = new Held();
    onTestFinished(() => held.end());
    held.watch();
    const lines: string[] = [];
    const stream = new Writable({
      write: (line, _encoding, done) => {
        lines.push(JSON.parse(String(line)).msg);
        done();
      },
    });
    const app = Fastify({ logger: { stream } });
    await add(app);
    await app.listen({ port: 0, host: "127.0.0.1" });
    expect(
      lines.some((line) => says.test(line)),
      lines.join("\n"),
    ).toBe(true);
    if (health !== undefined) {
      const { statusCode, body } = await app.inject("/readyz");
      expect([statusCode, Object.keys(JSON.parse(body).checks)]).toEqual([
        200,
        expect.arrayContaining([health]),
      ]);
    }
    const began = performance.now();
    await app.close();
    expect(performance.now() - began).toBeLessThan(1000);
    await expect.poll(heldByProcess).toEqual(before);
    // A time limit of Node or a library may run out once more; an interval stays.
    await expect.poll(() => held.places, { timeout: 10_000, interval: 100 }).toEqual([]);
  },
);
