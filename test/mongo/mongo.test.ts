import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import Fastify, { type FastifyInstance } from "fastify";
import { type Db, MongoClient } from "mongodb";
import { easyServiceApp } from "svc-infra/app";
import { ConfigurationError } from "svc-infra/kernel";
import { addMongoDb, getMongoDb, type MongoOptions, mongoPlugin } from "svc-infra/mongo";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MongoDouble } from "../rigs/mongo-double.js";

const secret = "hunter2hunter2";
let double: MongoDouble;
let apps: FastifyInstance[];

beforeEach(async () => {
  apps = [];
  double = new MongoDouble({ user: { name: "ann", password: secret } });
  await double.listen();
});
afterEach(async () => {
  await Promise.all(apps.map((app) => app.close()));
  await double.stop();
});

const urlOf = (password = secret, database = "/shop") =>
  `mongodb://ann:${password}@127.0.0.1:${double.port}${database}?authSource=admin`;

function makeApp(): FastifyInstance {
  const app = Fastify();
  apps.push(app);
  return app;
}

async function failureOf(action: Promise<unknown>): Promise<Error> {
  const failure = await action.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure instanceof Error) return failure;
  throw new Error("it did not fail");
}

const add = (env: Record<string, string>, options: MongoOptions = {}) =>
  addMongoDb(makeApp(), { env: { APP_ENV: "local", ...env }, ...options });

describe("addMongoDb", () => {
  it("connects, signs in, and gives the database to the app and its requests", async () => {
    const app = makeApp();
    const mongo = await addMongoDb(app, { env: { MONGO_URL: urlOf() } });
    app.get("/notes/:text", async (request) => {
      const notes = getMongoDb(request).collection("notes");
      await notes.insertOne({ text: "another" });
      return notes.find(Object(request.params), { projection: { _id: 0 } }).toArray();
    });
    const { insertedId } = await mongo.collection("notes").insertOne({ text: "first" });
    expect((await app.inject("/notes/first")).json()).toEqual([{ _id: String(insertedId), text: "first" }]);
    expect(getMongoDb(app)).toBe(mongo);
    expect(app.mongo.databaseName).toBe("shop");
  });

  it("reads every batch of a cursor", async () => {
    const notes = (await add({ MONGO_URL: urlOf() })).collection<{ number: number }>("notes");
    await notes.insertMany([...Array(1_000).keys()].map((number) => ({ number })));
    const read = await notes.find({ number: { $gt: 9 } }, { batchSize: 100 }).toArray();
    expect(read.map(({ number }) => number)).toEqual([...Array(990).keys()].map((each) => each + 10));
    expect(double.documents.openCursors).toBe(0);
  });

  it("takes the database from MONGO_DB, before the one of the URL", async () => {
    expect((await add({ MONGO_URL: urlOf(), MONGO_DB: "other" })).databaseName).toBe("other");
    expect((await add({ MONGO_URL: urlOf() }, { database: "code" })).databaseName).toBe("code");
    expect((await add({ MONGODB_URI: urlOf(secret, "/test") })).databaseName).toBe("test");
    const failure = await failureOf(add({ MONGO_URL: urlOf(secret, "/") }));
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect(failure.message).toMatch(/MONGO_DB.*is not set, and the URL names no database/);
  });

  it("reads its URL from a file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "mongo-"));
    writeFileSync(join(folder, "url"), `${urlOf()}\n`);
    try {
      expect((await add({ MONGO_URL_FILE: join(folder, "url") })).databaseName).toBe("shop");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("gives the pool its sizes and the calls their times, and leaves what the URL says", async () => {
    const { client } = await add({ MONGO_URL: `${urlOf()}&maxPoolSize=7`, MONGO_MIN_POOL: "2" });
    expect(client.options).toMatchObject({
      minPoolSize: 2,
      maxPoolSize: 7,
      serverSelectionTimeoutMS: 5_000,
      waitQueueTimeoutMS: 5_000,
      socketTimeoutMS: 30_000,
    });
    const given = await add(
      { MONGO_URL: `${urlOf()}&maxPoolSize=7`, MONGO_MAX_POOL: "3" },
      { timeoutMs: 9_000 },
    );
    expect(given.client.options).toMatchObject({ maxPoolSize: 3, socketTimeoutMS: 9_000 });
  });

  it("tells at start which database it took and why, without the password", async () => {
    const lines: string[] = [];
    const app = Fastify({ logger: { stream: { write: (line) => void lines.push(line) } } });
    apps.push(app);
    await addMongoDb(app, { env: { MONGO_URL: urlOf() } });
    expect(lines.join("")).toContain(`MongoDB is shop on 127.0.0.1:${double.port}: MONGO_URL is set`);
    expect(lines.join("")).not.toContain(secret);
  });

  it("joins the health of its app, below a version, too", async () => {
    const app = makeApp();
    await app.register(mongoPlugin, { env: { MONGO_URL: urlOf() }, prefix: "/v1", timeoutMs: 2_000 });
    const health = () => app.inject("/v1/_health/mongo");
    expect((await health()).json()).toMatchObject({ status: "ok", database: "shop" });
    expect((await app.inject("/readyz")).statusCode).toBe(200);
    double.isSilent = true;
    await expect.poll(async () => (await health()).statusCode).toBe(503);
  });

  it("closes every connection with the app", async () => {
    const app = makeApp();
    const mongo = await addMongoDb(app, { env: { MONGO_URL: urlOf(), MONGO_MIN_POOL: "3" } });
    await mongo.collection("notes").find().toArray();
    await app.close();
    await expect.poll(() => double.openConnections).toBe(0);
    expect(double.commands).toContain("endSessions");
  });

  it("is refused twice on one app, and getMongoDb names what is missing", async () => {
    const app = makeApp();
    expect(() => getMongoDb(app)).toThrow(/call 'await addMongoDb\(app\)' first/);
    await addMongoDb(app, { env: { MONGO_URL: urlOf() } });
    await expect(addMongoDb(app, { env: { MONGO_URL: urlOf() } })).rejects.toThrow(/twice/);
  });

  it("is added to a whole service by MONGO_URL", async () => {
    const app = await easyServiceApp({ name: "shop", env: { LOG_LEVEL: "silent", MONGO_URL: urlOf() } });
    apps.push(app);
    expect((await app.inject("/readyz")).json().checks).toMatchObject({ mongo: { status: "ok" } });
  });
});

describe("a failure of addMongoDb", () => {
  const cases: readonly [string, () => Record<string, string>, RegExp][] = [
    ["nothing set", () => ({}), /MONGO_URL.*is not set/],
    [
      "another scheme",
      () => ({ MONGO_URL: `postgres://ann:${secret}@host/shop` }),
      /MONGO_URL.*expected mongodb/,
    ],
    [
      "an unescaped password",
      () => ({ MONGO_URL: `mongodb://ann:${secret}/@h:1/shop` }),
      /MONGO_URL.*expected/,
    ],
    ["an unknown option", () => ({ MONGO_URL: `${urlOf()}&colour=blue` }), /MONGO_URL.*expected/],
    ["an option of no sense", () => ({ MONGO_URL: `${urlOf()}&maxPoolSize=many` }), /MONGO_URL.*expected/],
    ["a wrong database", () => ({ MONGO_URL: urlOf(), MONGO_DB: "a/b" }), /MONGO_DB.*the name of a database/],
    ["a wrong password", () => ({ MONGO_URL: urlOf(`${secret}3`) }), /MONGO_URL.*Authentication failed/],
    [
      "a server that is away",
      () => ({ MONGO_URL: `mongodb://ann:${secret}@127.0.0.1:1/shop`, MONGO_CONNECT_TIMEOUT_MS: "2000" }),
      /127\.0\.0\.1:1 does not answer \(MONGO_URL\).*ECONNREFUSED/,
    ],
  ];
  it.each(cases)("names the variable and holds no password: %s", async (_name, env, message) => {
    const failure = await failureOf(add(env()));
    expect(failure.message).toMatch(message);
    expect(inspect(failure, { depth: 20, showHidden: true })).not.toContain(secret);
    await expect.poll(() => double.openConnections).toBe(0);
  });

  it("a server that falls silent fails a call in its time", async () => {
    const mongo = await add({
      MONGO_URL: urlOf(),
      MONGO_TIMEOUT_MS: "2000",
      MONGO_CONNECT_TIMEOUT_MS: "2000",
    });
    double.isSilent = true;
    await expect(mongo.collection("notes").insertOne({})).rejects.toThrow(/timed out/);
  });
});

describe("the double of a server", () => {
  let mongo: Db;
  beforeEach(async () => {
    mongo = await add({ MONGO_URL: urlOf() });
  });

  it.each([
    ["an unknown command", () => mongo.command({ aggregates: 1 }), 59],
    ["a namespace that none may have", () => mongo.command({ find: "a$b" }), 73],
    [
      "an unknown operator",
      () =>
        mongo
          .collection("a")
          .find({ a: { $near: 1 } })
          .toArray(),
      undefined,
    ],
    ["an insert of nothing", () => mongo.command({ insert: "a", documents: [] }), 16],
    ["an insert without documents", () => mongo.command({ insert: "a" }), 40414],
    ["a cursor that is gone", () => mongo.command({ getMore: 7, collection: "a" }), 43],
    ["a document above 16 MiB", () => mongo.collection("a").insertOne({ a: "x".repeat(2 ** 24) }), 10334],
  ])("refuses %s as a server does", async (_name, call, code) => {
    await mongo.collection("a").insertOne({ a: 1 });
    const failure = await failureOf(call());
    expect(Object(failure).code).toBe(code ?? 2);
  });

  it("refuses a second document of one id", async () => {
    const notes = mongo.collection<{ _id: number }>("notes");
    await notes.insertOne({ _id: 1 });
    await expect(notes.insertOne({ _id: 1 })).rejects.toMatchObject({ code: 11000 });
    const some = notes.insertMany([{ _id: 1 }, { _id: 2 }], { ordered: false });
    await expect(some).rejects.toMatchObject({ code: 11000, result: { insertedCount: 1 } });
    expect(await notes.find().toArray()).toEqual([{ _id: 1 }, { _id: 2 }]);
  });

  it("refuses commands of a client that did not sign in", async () => {
    const client = new MongoClient(`mongodb://127.0.0.1:${double.port}/shop`);
    try {
      await expect(client.db().collection("notes").insertOne({})).rejects.toMatchObject({ code: 13 });
    } finally {
      await client.close();
    }
  });
});
