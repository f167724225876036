import { setTimeout as sleep } from "node:timers/promises";
import { type OpenedFile, Storage } from "svc-infra/storage";
import { GcsBackend } from "svc-infra/storage/gcs";
import { afterAll, afterEach, beforeEach, expect, it } from "vitest";
import { startFaultProxy } from "../../rigs/fault-proxy.js";
import { GcsClient } from "../../rigs/gcs-client.js";
import { startGcsDouble } from "../../rigs/gcs-double.js";

const rig = await startGcsDouble();
const { bucket, endpoint, owner } = rig;
const large = Buffer.alloc(30_000_000, "0123456789");
let storage: Storage;

beforeEach(() => {
  storage = new Storage(new GcsBackend({ bucket, endpoint, credentials: owner }));
});
afterEach(async () => {
  await storage.close();
});
afterAll(() => rig.stop());

async function connectionsUntil(isRight: (connections: number) => boolean): Promise<number> {
  for (;;) {
    const { connections } = await rig.state();
    if (isRight(connections)) return connections;
    await sleep(10);
  }
}

it("bodies that are closed or left early release their connections", async () => {
  await storage.put("large", large);
  const opened: OpenedFile[] = [];
  for (let turn = 0; turn < 20; turn++) opened.push(await storage.open("large"));
  await connectionsUntil((connections) => connections >= 20);
  for (const [index, { body }] of opened.entries()) {
    if (index % 2 === 0) await body.close();
    else for await (const _ of body) break;
  }
  await connectionsUntil((connections) => connections < 10);
});

it("slow readers keep no other call and no other reader waiting", async () => {
  await storage.put("large", large);
  const opened = await Promise.all(Array.from({ length: 140 }, () => storage.open("large")));
  expect(await storage.exists("large")).toBe(true);
  const { body } = await storage.open("large", { range: { start: 0, end: 9 } });
  expect(await body.bytes()).toHaveLength(10);
  await Promise.all(opened.map((each) => each.body.close()));
});

it("a body that is not read releases its connection, and resumes when its reader comes", async () => {
  const patient = new Storage(new GcsBackend({ bucket, endpoint, credentials: owner, idleBodyMs: 50 }));
  await patient.put("large", large);
  const opened: OpenedFile[] = [];
  for (let turn = 0; turn < 20; turn++) opened.push(await patient.open("large"));
  await connectionsUntil((connections) => connections < 10);
  const bytes = (await opened[0]?.body.bytes()) ?? new Uint8Array();
  expect(Buffer.compare(bytes, large)).toBe(0);
  await patient.close();
});

it("an object that is replaced between its description and its content is read as one version", async () => {
  const [old, fresh] = [Buffer.alloc(400_000, "a"), Buffer.alloc(500_000, "b")];
  const proxy = await startFaultProxy(endpoint);
  const slow = new Storage(new GcsBackend({ bucket, endpoint: proxy.endpoint, credentials: owner }));
  await slow.put("changing", old);
  let isReplaced = false;
  const replaced = new Promise<void>((resolve) => {
    proxy.plan.mix(1, (_, { url = "" }) => {
      if (!url.includes("alt=media") || isReplaced) return undefined;
      isReplaced = true;
      // The content is asked for, and waits; the description has come long before it goes on.
      setTimeout(() => storage.put("changing", fresh).then(() => resolve()), 300);
      return { kind: "delay", ms: 1000 };
    });
  });
  const { size, etag, body } = await slow.open("changing");
  await replaced;
  expect(Buffer.compare(Buffer.from(await body.bytes()), fresh)).toBe(0);
  expect([size, etag]).toEqual([fresh.length, (await storage.getMetadata("changing")).etag]);
  await slow.close();
  await proxy.stop();
});

it("content that was stored packed comes as it was stored", async () => {
  const client = await GcsClient.open(rig);
  await client.put("packed", "not really gzip");
  const patch = { method: "PATCH", body: JSON.stringify({ contentEncoding: "gzip" }) };
  await client.object("packed", "", patch);
  expect(Buffer.from(await storage.get("packed")).toString()).toBe("not really gzip");
});

it("metadata of other tools is shown where it could be put, and the kit's own is not taken for it", async () => {
  const client = await GcsClient.open(rig);
  await client.put("foreign", "x");
  await client.object("foreign", "", {
    method: "PATCH",
    body: JSON.stringify({
      metadata: { Owner: "Zoë", split: "a\r\nb: c", "dotted.name": "x", "svc-infra.filename": "a\nb" },
    }),
  });
  const { metadata, checksum, filename } = await storage.getMetadata("foreign");
  expect([{ ...metadata }, checksum, filename]).toEqual([{ owner: "Zoë" }, undefined, undefined]);
  await storage.put("ours", "x", { filename: "a.txt", metadata: { plain: "yes" } });
  const { metadata: raw } = (await (await client.object("ours")).json()) as { metadata: object };
  expect(raw).toEqual({ plain: "yes", "svc-infra.filename": "a.txt", "svc-infra.crc32": "crc32:8cdc1683" });
});
