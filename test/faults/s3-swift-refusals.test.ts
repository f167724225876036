import { Storage } from "svc-infra/storage";
import { S3Backend } from "svc-infra/storage/s3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../rigs/fault-proxy.js";
import { s3Options } from "../rigs/s3-options.js";
import type { S3Rig } from "../rigs/s3-rig.js";
import { startSwift } from "../rigs/swift.js";

let rig: S3Rig;
let proxy: FaultProxy;
let storage: Storage;

beforeAll(async () => {
  rig = await startSwift();
  proxy = await startFaultProxy(rig.endpoint);
  storage = new Storage(new S3Backend(s3Options(rig, proxy.endpoint)));
});
afterAll(async () => {
  await storage?.close();
  await proxy?.stop();
  await rig?.stop();
});

it("what Swift cannot decide in one step is absent from the capabilities", () => {
  const { ifAbsent, ifMatch, conditionalComplete, multipart } = storage.capabilities;
  expect({ ifAbsent, ifMatch, conditionalComplete, multipart }).toEqual({
    ifAbsent: false,
    ifMatch: false,
    conditionalComplete: false,
    multipart: true,
  });
});

it("and is refused before any byte is sent", async () => {
  const large = Buffer.alloc(9_000_000);
  const calls = [
    () => storage.put("k", "content", { ifAbsent: true }),
    () => storage.put("k", large, { ifAbsent: true }),
    () => storage.put("k", "content", { ifMatch: "some" }),
    () => storage.copy("k", "l", { ifAbsent: true }),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "unsupported" });
  expect(proxy.visits).toEqual([]);
  await storage.put("k", "content");
  expect(proxy.visits.length).toBeGreaterThan(0);
});
