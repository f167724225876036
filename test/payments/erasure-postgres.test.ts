import { eq, sql as statement } from "drizzle-orm";
import { afterAll, beforeAll, expect, it } from "vitest";
import * as schema from "#dist/payments/schema.js";
import { type PostgresRig, startPostgres } from "../rigs/postgres.js";
import { openPaymentsApp, type PaymentsApp } from "./payments-app.js";

let rig: PostgresRig;
let opened: PaymentsApp;

beforeAll(async () => {
  rig = await startPostgres();
  opened = await openPaymentsApp({ database: rig.url });
});

afterAll(async () => {
  await opened.close();
  await rig.stop();
});

/** Connections that wait for a row of another one. */
async function waiting(): Promise<number> {
  const query = statement`select pid from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query like '%svc_infra_%'`;
  return Object(await opened.app.db.execute(query)).rows.length;
}

it("a look at what is paid that begins amid an erasure leaves nothing of the tenant", async () => {
  const { app, payments } = opened;
  const customer = await payments.customerOf("acme");
  await payments.synchronize(customer);
  const { entitlements } = schema;
  const own = app.db.select().from(entitlements).where(eq(entitlements.tenant, "acme"));
  const soon = { timeout: 30_000, interval: 10 };
  const calls: Promise<void>[] = [];
  await app.db.transaction(async (tx) => {
    await tx.select().from(entitlements).where(eq(entitlements.tenant, "acme")).for("update");
    calls.push(payments.erase("acme"));
    await expect.poll(waiting, soon).toBe(1);
    calls.push(payments.synchronize(customer));
    await expect.poll(waiting, soon).toBe(2);
  });
  await Promise.all(calls);
  expect(await own).toEqual([]);
});
