import { Writable } from "node:stream";
import Fastify, { type FastifyInstance } from "fastify";
import {
  addAuthUsers,
  addCache,
  addIdempotency,
  addJobs,
  addMail,
  addObservability,
  addSqlDb,
  addStorage,
  addTenancy,
  addWebhooks,
  easyStorage,
} from "svc-infra";
import { expect, it } from "vitest";

const env = { APP_ENV: "local", MAIL_FOLDER: "/tmp/svc-infra-alone-mail" };

interface Case {
  readonly add: (app: FastifyInstance) => Promise<unknown>;
  /** What it says of its choice, and why. */
  readonly says: RegExp;
  /** Its check, where it has something to ask. */
  readonly health?: string;
}

/** Every helper that can do without settings. `addPayments` cannot: it has no account to charge. */
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
  addMail: { add: (app) => addMail(app, { env }), says: /^mail goes to .*: /, health: "mail" },
  addObservability: { add: (app) => addObservability(app, { env }), says: /^metrics are at .*METRICS_TOKEN/ },
  addTenancy: { add: (app) => addTenancy(app, { env }), says: /^tenants are told by / },
  addIdempotency: {
    add: (app) => addIdempotency(app, { env }),
    says: /^idempotency keys are kept in memory: neither CACHE_URL nor REDIS_URL is set/,
  },
  addSqlDb: {
    add: (app) => addSqlDb(app, { env }),
    says: /^the database is memory: nothing names/,
    health: "sql",
  },
  addWebhooks: {
    add: async (app) => {
      await addSqlDb(app, { env, health: false });
      await addWebhooks(app, { env, deliver: false });
    },
    says: /^secrets of webhooks are encrypted: WEBHOOKS_ENCRYPT_KEY is not set/,
  },
  addAuthUsers: {
    add: async (app) => {
      await addSqlDb(app, { env, health: false });
      await addMail(app, { env });
      await addAuthUsers(app, { env });
    },
    says: /^users sign in at .*: AUTH_SECRET is not set/,
  },
};

/** Timers, sockets and files that keep a process from ending, by kind. */
function heldByProcess(): readonly string[] {
  return process.getActiveResourcesInfo().toSorted();
}

it.each(Object.entries(cases))(
  "%s alone starts with nothing set, says why, joins health, closes within a second and leaves nothing",
  async (_name, { add, says, health }) => {
    const before = heldByProcess();
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
  },
);
