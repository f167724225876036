import { easyJobs } from "svc-infra/jobs";
import { startRedis } from "../rigs/redis.js";
import { describeKilledWorkers } from "./jobs-killed-workers.js";

describeKilledWorkers("redis", async () => {
  const rig = await startRedis();
  const jobs = await easyJobs({ redisUrl: rig.url }, { env: {} });
  const close = () => jobs.close().then(() => rig.stop());
  return { env: rig.env, jobs, close };
});
