import { randomUUID } from "node:crypto";
import { defineJob, easyJobs, type Jobs } from "svc-infra/jobs";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { startRedis } from "../rigs/redis.js";

const soon = { timeout: 60_000, interval: 10 };
const opened: Jobs[] = [];
const seen: string[] = [];
const greet = defineJob("greet", z.strictObject({ to: z.string() }), ({ to }) => void seen.push(to));
let rig: Awaited<ReturnType<typeof startRedis>>;

beforeAll(async () => {
  rig = await startRedis();
});
afterEach(async () => {
  seen.length = 0;
  for (const jobs of opened.splice(0)) await jobs.close();
});
afterAll(() => rig.stop());

async function open(schedule: unknown, more: Record<string, string> = {}, jobs = [greet]): Promise<Jobs> {
  const planned = schedule === undefined ? {} : { JOBS_SCHEDULE_JSON: JSON.stringify(schedule) };
  const running = await easyJobs({ jobs }, { env: { ...planned, ...more } });
  opened.push(running);
  return running;
}

const often = { job: "greet", everyMs: 100, payload: { to: "ada" } };
const nightly = {
  job: "greet",
  id: "nightly",
  cron: "0 3 * * *",
  timeZone: "Europe/Berlin",
  payload: { to: "bo" },
};

it("JOBS_SCHEDULE_JSON makes jobs by an interval and by a cron pattern in a time zone", async () => {
  const { scheduler } = await open([often, nightly]);
  await expect.poll(() => seen.length, soon).toBeGreaterThan(1);
  expect(new Set(seen)).toEqual(new Set(["ada"]));
  const next = (await scheduler.list()).find(({ id }) => id === "env.nightly")?.nextRunAt;
  const hour = new Intl.DateTimeFormat("en", {
    timeZone: "Europe/Berlin",
    hour: "2-digit",
    hourCycle: "h23",
  });
  expect(hour.format(next)).toBe("03");
});

it("an entry that is taken out ends at the next start, and schedules of code stay", async () => {
  const server = { REDIS_URL: rig.url, JOBS_QUEUE_PREFIX: `q-${randomUUID()}` };
  const ids = async ({ scheduler }: Jobs) => (await scheduler.list()).map(({ id }) => id).sort();
  const first = await open([often, nightly], server);
  await first.scheduler.cron("0 4 * * *", greet, { to: "cy" }, { id: "by-code" });
  expect(await ids(first)).toEqual(["by-code", "env.greet", "env.nightly"]);
  expect(await ids(await open([nightly], server))).toEqual(["by-code", "env.nightly"]);
  expect(await ids(await open(undefined, server))).toEqual(["by-code", "env.nightly"]);
  const producer = await open([], server, []);
  expect(await ids(producer)).toEqual(["by-code", "env.nightly"]);
  expect(await ids(await open([], server))).toEqual(["by-code"]);
});

it("each wrong entry is named at the start, with what is wrong", async () => {
  const wrong = [
    { job: "unknown", everyMs: 100 },
    { ...nightly, id: "pattern", cron: "at night" },
    { ...nightly, id: "zone", timeZone: "Europe/Atlantis" },
    { ...nightly, id: "payload", payload: { to: "bo", admin: true } },
    nightly,
    nightly,
  ];
  const failure = Object(await open(wrong).catch((error: unknown) => error));
  expect(failure.code).toBe("configuration");
  for (const [id, reason] of [
    ["unknown", "this process handles greet"],
    ["pattern", "at night"],
    ["zone", "Europe/Atlantis"],
    ["payload", "breaks its schema"],
    ["nightly", "comes twice"],
  ]) {
    expect(failure.message).toMatch(new RegExp(`JOBS_SCHEDULE_JSON.*'${id}'.*${reason}`));
  }
});

it.each([
  ["no JSON", "[{"],
  ["no array", "{}"],
  ["an entry without a time", '[{"job":"greet"}]'],
  ["an entry with both times", '[{"job":"greet","everyMs":100,"cron":"* * * * *"}]'],
  ["an interval below 100 ms", '[{"job":"greet","everyMs":1}]'],
  ["an unknown field", '[{"job":"greet","everyMs":100,"evryMs":1}]'],
])("%s is refused, naming the variable", async (_, value) => {
  const opening = easyJobs({ jobs: [greet] }, { env: { JOBS_SCHEDULE_JSON: value } });
  await expect(opening).rejects.toThrow(/JOBS_SCHEDULE_JSON.*a JSON array/);
});
