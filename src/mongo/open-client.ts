import type { Db, MongoClient } from "mongodb";
import { ConfigurationError, loadPeer } from "../kernel/index.js";
import { type MongoSettings, mongoVariables } from "./settings.js";

/** A connected client, and the database in use. */
export interface OpenMongo {
  readonly client: MongoClient;
  readonly db: Db;
  /** The database and its servers, for people; holds no secret. */
  readonly address: string;
}

/**
 * Connects, and waits until the server answers.
 *
 * @throws ConfigurationError when the settings are wrong or the driver is missing, Error when no server answers.
 */
export async function openClient(settings: MongoSettings): Promise<OpenMongo> {
  const client = await makeClient(settings);
  const name = settings.database ?? databaseIn(client, settings.url?.reveal() ?? "");
  const servers = client.options.srvHost ?? client.options.hosts.join(", ");
  try {
    await client.connect();
  } catch (cause) {
    await client.close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`MongoDB at ${servers} does not answer (MONGO_URL): ${reason}`, { cause });
  }
  return { client, db: client.db(name), address: `${name} on ${servers}` };
}

async function makeClient(settings: MongoSettings): Promise<MongoClient> {
  const { url, minPoolSize, maxPoolSize, connectTimeoutMs, timeoutMs } = settings;
  if (url === undefined) throw wrong(mongoVariables.url.name, "is not set; there is no embedded MongoDB");
  const { MongoClient } = await loadPeer("mongodb", "addMongoDb", () => import("mongodb"));
  try {
    return new MongoClient(url.reveal(), {
      ...(minPoolSize === undefined ? {} : { minPoolSize }),
      ...(maxPoolSize === undefined ? {} : { maxPoolSize }),
      serverSelectionTimeoutMS: connectTimeoutMs,
      connectTimeoutMS: connectTimeoutMs,
      waitQueueTimeoutMS: connectTimeoutMs,
      socketTimeoutMS: timeoutMs,
    });
  } catch (error) {
    throw wrong(
      mongoVariables.url.name,
      `expected ${mongoVariables.url.expected}${whyNot(error, url.reveal())}`,
    );
  }
}

/** A URL that names none would get the driver's `test`, which mixes the data of services. */
function databaseIn(client: MongoClient, url: string): string {
  if (/^[a-z+]+:\/\/[^/]+\/[^?]/.test(url)) return client.options.dbName;
  throw wrong(mongoVariables.database.name, "is not set, and the URL names no database; set one of both");
}

/** What the driver says of a URL, unless it repeats a part of it that may be secret. The error itself is not kept as a cause. */
function whyNot(error: unknown, url: string): string {
  if (!(error instanceof Error)) return "";
  const isSafe = !url.split(/[:/@?&=,]/).some((part) => part.length > 3 && error.message.includes(part));
  return isSafe ? ` (${error.message})` : "";
}

function wrong(name: string, message: string): ConfigurationError {
  return new ConfigurationError([{ name, message }]);
}
