import { createReadStream, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import Fastify, { type FastifyInstance } from "fastify";
import { addStorage } from "svc-infra";
import { addAuthUsers } from "svc-infra/auth";
import { addMail } from "svc-infra/mail";
import { addSqlDb, easySqlDb } from "svc-infra/sql";
import type { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { MemoryBackend } from "svc-infra/storage/memory";
import { addTenancy } from "svc-infra/tenancy";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import * as outboxSchema from "#dist/jobs/outbox/outbox-table.js";
import * as webhookSchema from "#dist/webhooks/schema.js";
import { freePort } from "./cli/command-line.js";
import { documentedCode, runDocumentedCode } from "./documented-code.js";
import { MongoDouble } from "./rigs/mongo-double.js";
import { StripeDouble } from "./rigs/stripe-double.js";
import { createTables } from "./webhooks/create-tables.js";

const root = process.cwd();
const folder = mkdtempSync(join(tmpdir(), "svc-infra-documented-"));
const mongo = new MongoDouble();
const stripe = new StripeDouble({ key: "sk_test_documented", webhookSecret: "whsec_documented" });

type Declared = Readonly<Record<string, unknown>>;

/** What a block has besides its page: what the reader has already, what stands for a place of the reader's, and what it does. */
interface Block {
  readonly given?: (app: FastifyInstance, storage: Storage) => unknown;
  readonly replacing?: Readonly<Record<string, string>>;
  readonly does?: (declared: Declared) => unknown;
  /** The code of the error that ends it, where what it waits for is the work of a client. */
  readonly refusal?: string;
}

const users = async (service: FastifyInstance) => {
  await addSqlDb(service);
  await addMail(service);
  await addAuthUsers(service);
};

/** Objects that are there already. */
const objects = (...keys: readonly string[]) => ({
  given: async (_: FastifyInstance, storage: Storage) => {
    for (const key of keys) await storage.put(key, "content");
  },
});

/** A database with the tables that `svc-infra db migrate` creates. */
const migrated = (...schemas: readonly object[]) => ({
  given: async () => {
    const url = `pglite:${mkdtempSync(join(folder, "db-"))}`;
    const sql = await easySqlDb({ url }, { env: {} });
    await createTables(sql, Object.assign({}, ...schemas));
    await sql.close();
    vi.stubEnv("SQL_URL", url);
  },
});

const get = (url: string, found: unknown) => async (declared: Declared) => {
  const app = Object.values(declared).find(isApp);
  expect((await app?.inject(url))?.json()).toEqual(found);
};

const blocks: Readonly<Record<string, Block>> = {
  "README.md 0": {
    replacing: { "8000": "0" },
    does: async ({ app }) => {
      const payload = { text: "first" };
      const { url } = (
        await (app as FastifyInstance).inject({ method: "POST", url: "/notes/7", payload })
      ).json();
      expect(await (await fetch(url)).json()).toEqual(payload);
    },
  },
  "README.md 1": { given: () => writeFileSync("report.pdf", "%PDF-1.7") },
  "docs/errors.md 0": {
    does: async ({ avatarOf }) => {
      const lookUp = avatarOf as (from: unknown, id: string) => Promise<unknown>;
      expect(await lookUp(Reflect.get(globalThis, "storage"), "none")).toBeUndefined();
    },
  },
  "docs/backends/local.md 0": { replacing: { "/data/uploads": join(folder, "uploads") } },
  "docs/guide/app.md 0": { does: get("/hello", { hello: "world" }) },
  "docs/guide/app.md 2": {
    does: async ({ service }) => {
      const request = { method: "POST", url: "/notes", payload: { text: " a " } } as const;
      expect((await (service as FastifyInstance).inject(request)).json()).toEqual({ text: "a" });
    },
  },
  "docs/guide/auth.md 0": {
    does: async ({ service }) =>
      expect((await (service as FastifyInstance).inject("/me")).statusCode).toBe(401),
  },
  "docs/guide/auth.md 1": { given: users },
  "docs/guide/auth.md 2": { given: users },
  "docs/guide/auth.md 3": {
    given: async (service) => {
      await users(service);
      await addStorage(service, new MemoryBackend(), { decorator: "archive", authorize: "open" });
    },
  },
  "docs/guide/cache.md 0": { does: get("/rates", { eur: 1.08 }) },
  "docs/guide/events.md 0": migrated(outboxSchema, webhookSchema),
  "docs/guide/jobs.md 1": { replacing: { "/mnt/archive": join(folder, "archive") } },
  "docs/guide/jobs.md 2": migrated(outboxSchema),
  "docs/guide/migrating.md 1": {
    given: () => {
      writeFileSync("old.txt", "old");
      const file = { path: "old.txt", name: "old.txt", contentType: "text/plain", key: "old/1" };
      vi.stubGlobal("createReadStream", createReadStream);
      vi.stubGlobal("oldFiles", async () => [file]);
    },
  },
  "docs/guide/mongo.md 0": { does: get("/notes", []) },
  "docs/guide/tenancy.md 0": { does: get("/notes", { tenant: "localhost" }) },
  "docs/guide/tenancy.md 1": { given: (service) => addTenancy(service, { resolve: () => "acme" }) },
  "docs/guide/versioning.md 0": { does: get("/v2/people", [{ id: 1, name: "Ann" }]) },
  "docs/guide/webhooks.md 0": migrated(webhookSchema),
  "docs/reference/storage.md 4": { refusal: "not_found" },
  "docs/reference/storage.md 5": objects("drafts/7.txt"),
  "docs/reference/storage.md 7": objects("avatars/7.png"),
  "docs/reference/storage.md 12": objects("notes/1.txt"),
  "docs/reference/storage.md 13": objects("avatars/7.png"),
  "docs/reference/storage.md 21": objects("staged/7.png"),
  "docs/reference/storage.md 23": objects("video.mp4"),
  "docs/reference/storage.md 24": { refusal: "not_found" },
};

/** Blocks that only compile, and where what they show is run instead. */
const unrun: Readonly<Record<string, string>> = {
  "docs/backends/cloudinary.md 0": "needs an account; test/conformance/cloudinary.test.ts",
  "docs/guide/browser.md 0": "runs in a browser; test/storage/browser/upload-ceph-chromium.test.ts",
  "docs/guide/outbound.md 0": "needs a foreign address; test/outbound",
  "docs/guide/outbound.md 1": "needs a foreign address; test/outbound",
  "docs/guide/writing-a-backend.md 1": "adds tests to a runner; test/conformance/memory.test.ts",
  "docs/reference/storage.md 26": "needs a foreign address; test/outbound",
};

beforeAll(async () => {
  await mongo.listen();
  await stripe.start();
  process.chdir(folder);
});

afterAll(async () => {
  process.chdir(root);
  stripe.stop();
  await mongo.stop();
  rmSync(folder, { recursive: true, force: true });
});

const env = {
  LOG_LEVEL: "silent",
  SQL_URL: "pglite:memory",
  STORAGE_API_TOKEN: "t".repeat(32),
  STORAGE_BASE_PATH: "files",
  STRIPE_SECRET_KEY: stripe.key,
  STRIPE_WEBHOOK_SECRET: stripe.webhookSecret,
};

let app: FastifyInstance;
let shop: FastifyInstance;

beforeEach(async () => {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  vi.stubEnv("PORT", `${await freePort()}`);
  vi.stubEnv("MONGO_URL", `mongodb://127.0.0.1:${mongo.port}/documented`);
  app = Fastify();
  shop = Fastify();
  vi.stubGlobal("app", app);
  vi.stubGlobal(
    "storage",
    await addStorage(shop, new LocalBackend({ basePath: mkdtempSync(join(folder, "files-")) }), {
      serveFiles: true,
    }),
  );
  await shop.listen({ port: 0, host: "127.0.0.1" });
  vi.stubGlobal("accessKey", "key");
  vi.stubGlobal("secretKey", "secret");
  vi.stubGlobal("accountKey", Buffer.from("key").toString("base64"));
  vi.stubGlobal("bytes", new TextEncoder().encode("bytes"));
});

afterEach(async () => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  await app.close();
  await shop.close();
});

const pages = [
  "README.md",
  ...readdirSync("docs", { recursive: true, encoding: "utf8" }).map((name) => join("docs", name)),
].filter((page) => page.endsWith(".md"));

async function namesOfBlocks(page: string): Promise<readonly string[]> {
  return (await documentedCode(page)).map((_, index) => `${page} ${index}`);
}

/** The code of the tutorial is that of `examples/saas`, which test/examples runs. */
const names = (await Promise.all(pages.map(namesOfBlocks)))
  .flat()
  .filter((name) => !name.includes("tutorial"));

it("what a block has besides its page belongs to a block that there is", () => {
  expect(names).toEqual(expect.arrayContaining([...Object.keys(blocks), ...Object.keys(unrun)]));
});

describe("a block of a page runs as it stands", () => {
  it.each(names.filter((name) => !Object.hasOwn(unrun, name)))("%s", async (name) => {
    const [page = "", index] = name.split(" ");
    const { given, replacing, does, refusal } = blocks[name] ?? {};
    await given?.(app, Reflect.get(globalThis, "storage"));
    const running = runDocumentedCode(resolve(root, page), Number(index), replacing);
    if (refusal !== undefined) return expect(running).rejects.toMatchObject({ code: refusal });
    const declared = await running;
    const apps = [app, ...Object.values(declared).filter(isApp)];
    try {
      for (const each of apps) await each.ready();
      await does?.(declared);
    } finally {
      for (const each of apps) await each.close();
    }
  });
});

function isApp(value: unknown): value is FastifyInstance {
  return typeof Object(value).inject === "function";
}
