import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import type { Logger } from "../../kernel/index.js";
import { BullDriver, repeatSettings } from "./bull-driver.js";
import { lockSettings } from "./bull-worker.js";
import { noAnswer } from "./no-answer.js";

const prefix = "jobs";

/** Keeps jobs in Redis. Producers fail when it is away; the worker waits until it is back. */
export async function openRedis(
  url: string,
  queueName: string,
  timeoutMs: number,
  log: Logger,
): Promise<BullDriver> {
  const producer = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    connectTimeout: timeoutMs,
  });
  producer.on("error", (error) =>
    log.debug({ reason: error.message }, "the jobs have no connection to Redis"),
  );
  try {
    await answerOf(producer.connect(), timeoutMs);
  } catch (error) {
    producer.disconnect();
    throw noAnswer("Redis does not answer (REDIS_URL)", error);
  }
  const consumer = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: null });
  consumer.on("error", (error) =>
    log.debug({ reason: error.message }, "the worker has no connection to Redis"),
  );
  const queue = new Queue(queueName, {
    connection: producer,
    prefix,
    skipWaitingForReady: true,
    settings: repeatSettings,
  });
  return new BullDriver(
    {
      name: "redis",
      queueName,
      queue,
      openWorker: (processor, concurrency) => {
        const worker = new Worker(queueName, (job, token) => processor(job, token), {
          connection: consumer,
          prefix,
          concurrency,
          settings: repeatSettings,
          ...lockSettings,
        });
        worker.on("error", (error) =>
          log.warn({ reason: error.message }, "the worker of the jobs met an error"),
        );
        return worker;
      },
      ping: async () => void (await producer.ping()),
      disconnect: () => {
        producer.disconnect();
        consumer.disconnect();
      },
    },
    timeoutMs,
    log,
  );
}

/** A server that takes the connection and never answers would be waited for without an end. */
async function answerOf(call: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`no answer within ${timeoutMs} ms (JOBS_ENQUEUE_TIMEOUT_MS)`);
    timer = setTimeout(() => reject(error), timeoutMs);
  });
  try {
    await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}
