import { easyJobs } from "svc-infra/jobs";
import { easySqlDb } from "svc-infra/sql";
import { startPostgres } from "../rigs/postgres.js";
import { describeKilledWorkers } from "./jobs-killed-workers.js";

describeKilledWorkers("postgres", async () => {
  const rig = await startPostgres();
  const sql = await easySqlDb({ url: rig.url }, { env: {} });
  const jobs = await easyJobs({ driver: "postgres", sql }, { env: {} });
  const close = async () => {
    await jobs.close();
    await sql.close();
    await rig.stop();
  };
  return { env: { ...rig.env, JOBS_DRIVER: "postgres" }, jobs, close };
});
