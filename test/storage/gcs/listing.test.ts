import { setTimeout as sleep } from "node:timers/promises";
import { Storage } from "svc-infra/storage";
import { GcsBackend } from "svc-infra/storage/gcs";
import { afterAll, expect, it } from "vitest";
import { GcsClient } from "../../rigs/gcs-client.js";
import { startGcsDouble } from "../../rigs/gcs-double.js";

const rig = await startGcsDouble();
const { bucket, endpoint, owner } = rig;
const storage = new Storage(new GcsBackend({ bucket, endpoint, credentials: owner }));
afterAll(async () => {
  await storage.close();
  await rig.stop();
});

it("names that are no keys are told once, also those between two pages", async () => {
  const client = await GcsClient.open(rig);
  const strays = ["a (1).pdf", "a!", "a+b", "a,"];
  for (const name of ["a", ...strays, "a-b", "b"]) await client.put(name, "content");
  for (const limit of [1, 2, 10]) {
    const [keys, passedOver]: [string[], string[]] = [[], []];
    let cursor: string | undefined;
    do {
      const page = await storage.list({ limit, cursor });
      keys.push(...page.items.map(({ key }) => key));
      passedOver.push(...(page.passedOver ?? []));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect([keys, passedOver], `pages of ${limit}`).toEqual([["a", "a-b", "b"], strays]);
  }
});

it("a description that another tool changes makes another date, in the listing too", async () => {
  const client = await GcsClient.open(rig);
  await storage.put("described", "content");
  const { lastModified: before } = await storage.getMetadata("described");
  await sleep(5);
  const init = { method: "PATCH", body: JSON.stringify({ metadata: { by: "another" } }) };
  const headers = { "content-type": "application/json" };
  expect((await client.object("described", "", { ...init, headers })).status).toBe(200);
  const { lastModified } = await storage.getMetadata("described");
  expect(lastModified.getTime()).toBeGreaterThan(before.getTime());
  const { items } = await storage.list({ prefix: "described" });
  expect(items.map((item) => item.lastModified)).toEqual([lastModified]);
});
