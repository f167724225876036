import type { Pool } from "pg";
import type { Logger } from "../../kernel/index.js";

/** Warns of jobs that wait in PostgreSQL while the jobs are kept elsewhere: nothing handles them. Schedules are made anew. */
export async function warnOfLeft(pool: Pool, queue: string, log: Logger): Promise<void> {
  const { rows } = await pool.query("select 1 where to_regclass('bullmq.job') is not null");
  if (rows.length === 0) return;
  const left = await pool.query(
    `select count(*)::int as jobs from bullmq.job
      where queue = $1 and scheduler_id is null and state in ('waiting', 'active', 'delayed')`,
    [queue],
  );
  const { jobs } = left.rows[0];
  if (jobs === 0) return;
  log.warn(
    { jobs },
    `${jobs} jobs wait in PostgreSQL, where no process of this environment handles them: run 'svc-infra jobs run' with JOBS_DRIVER=postgres until they are done`,
  );
}
