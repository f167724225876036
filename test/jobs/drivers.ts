import { type EasyJobsOptions, easyJobs, type Jobs } from "svc-infra/jobs";
import { easySqlDb, type SqlDb } from "svc-infra/sql";

/** One place where jobs can be kept, for the suite that all of them must pass. */
export interface TestedDriver {
  /** Opens jobs of a fresh queue, or of one that was opened before. */
  open(queue: string, options?: EasyJobsOptions): Promise<Jobs>;
  stop(): Promise<void>;
}

const inProcess = async (): Promise<TestedDriver> => ({
  open: (queue, options) => easyJobs({ ...options, driver: "memory", queue }, { env: {} }),
  stop: async () => undefined,
});

const inRedis = async (): Promise<TestedDriver> => {
  const { startRedis } = await import("../rigs/redis.js");
  const rig = await startRedis();
  return {
    open: (queue, options) =>
      easyJobs({ ...options, driver: "redis", redisUrl: rig.url, queue }, { env: {} }),
    stop: () => rig.stop(),
  };
};

const inPostgres = async (): Promise<TestedDriver> => {
  const { startPostgres } = await import("../rigs/postgres.js");
  const rig = await startPostgres();
  const sql: SqlDb = await easySqlDb({ url: rig.url }, { env: {} });
  return {
    open: (queue, options) =>
      easyJobs(
        { ...options, driver: "postgres", queue, sql: options?.sql ?? sql, outboxPollMs: 2 ** 31 - 1 },
        { env: {} },
      ),
    stop: async () => {
      await sql.close();
      await rig.stop();
    },
  };
};

/** Every driver by its name. */
export const drivers = { memory: inProcess, redis: inRedis, postgres: inPostgres } as const;
