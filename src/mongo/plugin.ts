import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import fastifyPlugin from "fastify-plugin";
import type { Db } from "mongodb";
import { joinHealth } from "../health/index.js";
import { type AnyApp, type AnyRequest, appOf, fastifyOf } from "../http/index.js";
import {
  ConfigurationError,
  type Environment,
  isVariableSet,
  loadSettings,
  readEnvironment,
} from "../kernel/index.js";
import { openClient } from "./open-client.js";
import { type MongoOptions, mongoVariables } from "./settings.js";

declare module "fastify" {
  interface FastifyInstance {
    /** The MongoDB database that `addMongoDb` added; its `client` reaches the other ones. */
    mongo: Db;
  }
}

/** Options of {@link addMongoDb}. Each setting beats its variable. */
export interface AddMongoDbOptions extends MongoOptions {
  /** Whether it is a check of `/readyz` and `/_health/mongo`. Default: true. */
  readonly health?: boolean | undefined;
  /** Default: the process environment over the `.env` file. */
  readonly env?: Environment | undefined;
}

/** Options of {@link mongoPlugin}. */
export interface MongoPluginOptions extends AddMongoDbOptions {
  /** Puts the health route below it, like `/v1`. */
  readonly prefix?: string | undefined;
}

/**
 * Gives an app a MongoDB database by the official driver: connects to `MONGO_URL`, waits until it answers, decorates
 * the app with `app.mongo`, adds `GET /_health/mongo` and a readiness check, and closes the connections with the app.
 *
 * @throws ConfigurationError when the settings are wrong or `mongodb` is not installed, Error when no server answers.
 * @example
 * ```ts
 * const mongo = await addMongoDb(app);
 * app.get("/notes", () => mongo.collection("notes").find().limit(20).toArray());
 * ```
 */
export async function addMongoDb(app: AnyApp, options: AddMongoDbOptions = {}): Promise<Db> {
  const fastify = fastifyOf(app);
  await fastify.register(mongoPlugin, options);
  return fastify.mongo;
}

/** {@link addMongoDb} as a plugin. */
export const mongoPlugin: FastifyPluginAsync<MongoPluginOptions> = fastifyPlugin(mount, {
  name: "svc-infra/mongo",
  fastify: "5.x",
});

/**
 * The MongoDB database of an app, or of the app that a request came to.
 *
 * @throws ConfigurationError when none was added.
 *
 * @example
 * const notes = getMongoDb(request).collection("notes");
 */
export function getMongoDb(from: AnyApp | AnyRequest): Db {
  const app = appOf(from);
  if (app.hasDecorator("mongo")) return app.mongo;
  const message = "is not there; call 'await addMongoDb(app)' first";
  throw new ConfigurationError([{ name: "app.mongo", message }]);
}

async function mount(app: FastifyInstance, options: MongoPluginOptions): Promise<void> {
  const { env = readEnvironment(), health = true, prefix: root = "", ...given } = options;
  if (app.hasDecorator("mongo")) {
    throw new ConfigurationError([{ name: "addMongoDb", message: "was called twice for one app" }]);
  }
  const { client, db, address } = await openClient(loadSettings(mongoVariables, env, given));
  app.decorate("mongo", db);
  app.addHook("onClose", () => client.close());
  if (health) {
    const ping = async () => void (await db.command({ ping: 1 }));
    await joinHealth(app, "mongo", ping, { root, facts: () => ({ database: db.databaseName }) });
  }
  const reason = reasonOf(env, given.url !== undefined);
  app.log.info({ database: db.databaseName, reason }, `MongoDB is ${address}: ${reason}`);
}

function reasonOf(env: Environment, hasOption: boolean): string {
  if (hasOption) return "option 'url' is set";
  return isVariableSet(env, "MONGO_URL") ? "MONGO_URL is set" : "MONGODB_URI is set";
}
