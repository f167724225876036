import { setTimeout as sleep } from "node:timers/promises";
import Fastify, { type FastifyInstance } from "fastify";
import { addSqlDb } from "svc-infra/sql";
import { addWebhooks } from "svc-infra/webhooks";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import {
  type ClaimedDelivery,
  DeliveryClaims,
  type SettledAttempt,
} from "#dist/webhooks/deliveries/delivery-claims.js";
import * as schema from "#dist/webhooks/schema.js";
import { type PostgresRig, startPostgres } from "../rigs/postgres.js";
import { createTables } from "./create-tables.js";

let rig: PostgresRig;
let app: FastifyInstance;
let claims: DeliveryClaims;

beforeAll(async () => {
  rig = await startPostgres();
  app = Fastify();
  await createTables(await addSqlDb(app, { url: rig.url, env: {} }), schema);
  await addWebhooks(app, { allowPrivateAddresses: true, deliver: false, env: {} });
  claims = new DeliveryClaims(app.db);
});

afterAll(async () => {
  await app.close();
  await rig.stop();
});

beforeEach(async () => {
  const { subscriptions } = app.webhooks;
  await subscriptions.removeAll("acme");
  const { subscription } = await subscriptions.add("acme", { url: "http://127.0.0.1:1/", events: ["*"] });
  await subscriptions.markProved("acme", subscription.id, subscription.url);
  const event = { id: "evt_1", type: "a.b", tenant: "acme", occurredAt: new Date(), data: {} };
  await app.webhooks.dispatch(event);
});

async function claim(claimMs: number): Promise<ClaimedDelivery> {
  const nobody = new Map<string, number>();
  const held = { bySubscription: nobody, byHost: nobody, byTenant: nobody };
  const [claimed] = await claims.claim({ limit: 8, share: 8, tenantShare: 8, held }, claimMs);
  if (claimed === undefined) throw new Error("there was nothing to claim");
  return claimed;
}

/** A claim that has ended, and the one of the process that took its delivery over. */
async function claimTwice() {
  const late = await claim(1);
  await sleep(50);
  return { late, present: await claim(60_000) };
}

function ended(claimed: ClaimedDelivery, state: "delivered" | "failed"): SettledAttempt {
  const status = state === "delivered" ? 204 : 410;
  const answer = { status, detail: "", milliseconds: 1, retryAfter: undefined, isRefused: false };
  return { claimed, at: new Date(), answer, outcome: { state }, resumeAt: undefined };
}

const rows = () => app.db.select().from(schema.webhookDeliveries);
const statuses = async () =>
  (await app.db.select().from(schema.webhookAttempts)).map(({ status }) => status).sort();

it.each(["before", "after"])(
  "an attempt whose delivery was taken over decides nothing, %s the other one ends",
  async (when) => {
    const { late, present } = await claimTwice();
    const settleLate = () => claims.settle([ended(late, "failed")]);
    if (when === "before") {
      await settleLate();
      const { claimedUntil } = present.delivery;
      expect(await rows()).toMatchObject([{ state: "pending", tries: 0, claimedUntil }]);
    }
    await claims.settle([ended(present, "delivered")]);
    if (when === "after") await settleLate();
    expect(await rows()).toMatchObject([{ state: "delivered", tries: 1, claimedUntil: null }]);
    expect(await statuses()).toEqual([204, 410]);
  },
);

it("two attempts of a delivery that end at once undo nothing of what is written down with them", async () => {
  const { late, present } = await claimTwice();
  const waiting =
    "select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and query like '%with results%'";
  const settled: Promise<unknown>[] = [];
  await app.db.transaction(async (tx) => {
    await tx.select().from(schema.webhookDeliveries).for("update");
    for (const each of [ended(late, "failed"), ended(present, "delivered")]) {
      settled.push(claims.settle([each]));
      // A transaction sees one state of the activity alone.
      const count = async () => Object(await app.db.execute(waiting)).rows[0].n;
      await expect.poll(count).toBe(settled.length);
    }
  });
  await Promise.all(settled);
  expect(await rows()).toMatchObject([{ state: "delivered", tries: 1, claimedUntil: null }]);
});
