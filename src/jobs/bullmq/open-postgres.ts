import {
  createPostgresBackend,
  type JobProgress,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
  Queue,
  Worker,
} from "bullmq";
import type { Pool } from "pg";
import { type Logger, within } from "../../kernel/index.js";
import { BullDriver, repeatSettings } from "./bull-driver.js";
import { lockSettings } from "./bull-worker.js";
import { noAnswer } from "./no-answer.js";
import { retryDeadlocks } from "./retry-deadlocks.js";

const schema = "bullmq";
/** Connections of the producers, and again of the worker, which has one more to be woken by. */
const poolSize = 4;

const createBackend: typeof createPostgresBackend = (...options) => {
  const backend = createPostgresBackend(...options);
  const { connection } = backend;
  retryDeadlocks(connection.pool);
  // BullMQ makes its one connection besides the pool by the driver's client, which knows no channel_binding=require.
  const { Client } = Object(connection.pool).options;
  if (Client !== undefined) Object.assign(connection, { pgModule: { Client } });
  return backend;
};

/** Keeps jobs in a schema of their own in PostgreSQL, on connections of their own: a busy application starves no job. */
export async function openPostgres(
  pool: Pool,
  queueName: string,
  timeoutMs: number,
  log: Logger,
): Promise<BullDriver> {
  const connection: PostgresConnectionOptions = {
    ...pool.options,
    // The password of a pool's options is not enumerable.
    password: pool.options.password,
    max: poolSize,
    connectionTimeoutMillis: timeoutMs,
    schema,
    migrate: true,
  } as PostgresConnectionOptions;
  const queue = new Queue<
    unknown,
    unknown,
    string,
    unknown,
    unknown,
    string,
    PostgresQueueBackend,
    PostgresConnectionOptions
  >(queueName, { connection, settings: repeatSettings }, createBackend);
  queue.on("error", () => undefined);
  try {
    await queue.waitUntilReady();
  } catch (error) {
    await within(timeoutMs, queue.close());
    throw noAnswer("PostgreSQL does not answer (SQL_URL)", error);
  }
  return new BullDriver(
    {
      name: "postgres",
      queueName,
      queue: queue as unknown as Queue,
      openWorker: (processor, concurrency) => {
        const worker = new Worker<
          unknown,
          unknown,
          string,
          PostgresQueueBackend,
          JobProgress,
          PostgresConnectionOptions
        >(
          queueName,
          (job, token) => processor(job, token),
          { connection, concurrency, settings: repeatSettings, ...lockSettings },
          createBackend,
        );
        worker.on("error", (error) => log.warn({ err: error }, "the worker of the jobs met an error"));
        return worker as unknown as Worker;
      },
      ping: async () => void (await pool.query("select 1")),
      disconnect: () => undefined,
    },
    timeoutMs,
    log,
  );
}
