import { setTimeout as after } from "node:timers/promises";
import { defineJob, easyServiceApp, startService } from "svc-infra";
import { z } from "zod";

const wait = defineJob("wait", z.object({}), async (_payload, { signal, log }) => {
  signal.addEventListener("abort", () => log.warn("the job is given back"));
  log.warn("the job runs");
  await after(60_000);
});
const hasJob = process.env.SLOW_JOB !== undefined;
const app = await easyServiceApp({ name: "stopping", ...(hasJob ? { jobs: { jobs: [wait] } } : {}) });
app.get("/slow", async () => {
  app.log.warn("the request runs");
  await after(Number(process.env.SLOW_MS ?? 500));
  return { isWhole: true };
});
app.addHook("onClose", async () => app.log.warn("helpers close"));
if (hasJob) await app.jobs.queue.enqueue(wait, {});
await startService(app);
