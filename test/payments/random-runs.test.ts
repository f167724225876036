import { randomInt } from "node:crypto";
import { inArray } from "drizzle-orm";
import { afterAll, beforeAll, expect, it } from "vitest";
import * as schema from "#dist/payments/schema.js";
import { chanceOf } from "../chance.js";
import { openPaymentsApp, type PaymentsApp } from "./payments-app.js";
import { anyFate, RandomRun } from "./random-run.js";

const runs = Number(process.env.PAYMENT_RUNS ?? 10);

/** What each run does and what becomes of the calls; their timing stays its own. */
const seed = Number(process.env.PAYMENT_SEED ?? randomInt(2 ** 31));

/** Runs at the same time. */
const batch = 20;

let opened: PaymentsApp;
let newRun: (isTold: boolean) => RandomRun;

beforeAll(async () => {
  opened = await openPaymentsApp({ timeoutMs: 500 });
  let made = 0;
  newRun = (isTold) => new RandomRun(opened, isTold, chanceOf(seed + ++made));
});

afterAll(() => opened.close());

/** What events do not tell is seen by the sweep, when a day is over. */
async function passDay(tenants: readonly string[]): Promise<void> {
  const { app, payments } = opened;
  await app.db
    .update(schema.entitlements)
    .set({ checkAt: new Date(0) })
    .where(inArray(schema.entitlements.tenant, [...tenants]));
  expect(await payments.sweep()).toEqual([]);
}

/** Half of the tenants get all of their events at last, and need nothing else. */
async function runBatch(size: number): Promise<void> {
  const { app, stripe } = opened;
  const all = Array.from({ length: size }, (_, at) => newRun(at % 2 === 0));
  const below = chanceOf(seed);
  stripe.fate = () => anyFate(below);
  await Promise.all(all.map((run) => run.run(6)));
  stripe.fate = () => "give";
  for (const run of all) await run.endEvents();
  for (const run of all.filter(({ isTold }) => isTold)) await expectRight(run);
  const untold = all.filter(({ isTold }) => !isTold);
  await passDay(untold.map(({ tenant }) => tenant));
  for (const run of untold) await expectRight(run);
  const rows = await app.db.select().from(schema.entitlements);
  const erased = all.filter((run) => run.customers().length === 0).map(({ tenant }) => tenant);
  expect(rows.filter(({ tenant }) => erased.includes(tenant))).toEqual([]);
}

async function expectRight(run: RandomRun): Promise<void> {
  await expect.poll(() => run.plans(), { timeout: 60_000 }).toEqual(run.expectedPlans());
  await run.expectNothingUnpaid();
  run.expectNothingTwice();
}

it(`in ${runs} random runs (PAYMENT_SEED=${seed}) no tenant has what it has not paid, at the end each has what it pays, and pays it once`, async () => {
  for (let left = runs; left > 0; left -= batch) await runBatch(Math.min(left, batch));
  expect(
    [...opened.stripe.keys].filter((key) => !/^(customer|checkout|expire|portal|refund):/.test(key)),
  ).toEqual([]);
}, 1_800_000);
