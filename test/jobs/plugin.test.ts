import { setTimeout as sleep } from "node:timers/promises";
import Fastify, { type FastifyInstance } from "fastify";
import { addJobs, defineJob } from "svc-infra/jobs";
import { afterEach, expect, it } from "vitest";
import { z } from "zod";

let app: FastifyInstance;
afterEach(() => app.close());

async function added(env: Record<string, string>) {
  app = Fastify();
  const seen: boolean[] = [];
  const job = defineJob("look", z.object({}), () => {
    seen.push(app.hasDecorator("later"));
  });
  const { queue } = await addJobs(app, { jobs: [job], env });
  await queue.enqueue(job, {});
  return { seen, queue };
}

it("a handler may use what is added to the app after the jobs", async () => {
  const { seen } = await added({});
  await sleep(50);
  app.decorate("later", true);
  await app.ready();
  await expect.poll(() => seen).toEqual([true]);
});

it("jobs in memory that requests enqueue while the app closes are handled", async () => {
  app = Fastify({ keepAliveTimeout: 100 });
  const sent: string[] = [];
  const job = defineJob("send", z.object({ to: z.string() }), ({ to }) => void sent.push(to));
  const { queue } = await addJobs(app, { jobs: [job], env: {} });
  let closing: Promise<void> | undefined;
  app.get("/", async () => {
    closing = app.close();
    await sleep(100);
    await queue.enqueue(job, { to: "ada" });
    return "sent";
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  expect(await (await fetch(url)).text()).toBe("sent");
  await closing;
  expect(sent).toEqual(["ada"]);
});

it("a process with JOBS_WORK=false enqueues and handles nothing", async () => {
  const { seen, queue } = await added({ JOBS_WORK: "false" });
  await app.ready();
  await sleep(100);
  expect(await queue.list("waiting")).toHaveLength(1);
  expect(seen).toEqual([]);
});

it.each(["prod", "local"])("jobs in memory are warned of in production only: %s", async (appEnv) => {
  const lines: { readonly level: number; readonly msg: string }[] = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) };
  app = Fastify({ logger: { stream } });
  await addJobs(app, { env: { APP_ENV: appEnv } });
  const warnings = lines.filter(({ level }) => level === 40).map(({ msg }) => msg);
  const warning = expect.stringMatching(/^jobs are kept in memory and will be lost.*REDIS_URL/);
  expect(warnings).toEqual(appEnv === "prod" ? [warning] : []);
});
