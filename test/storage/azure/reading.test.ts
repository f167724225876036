import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { retry, Storage } from "svc-infra/storage";
import { AzureBackend } from "svc-infra/storage/azure";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AzuriteRig, startAzurite } from "../../rigs/azurite.js";
import { freshWire } from "./fresh-wire.js";

const bytes = randomBytes(6_000_000);

let rig: AzuriteRig;
beforeAll(async () => {
  rig = await startAzurite();
});
afterAll(() => rig?.stop());

describe("a body that is not read", () => {
  it("releases its connection, and resumes in the same version when the reader comes", async () => {
    const { storage, proxy, visits } = await freshWire(rig, { idleBodyMs: 50 });
    await storage.put("idle/a", bytes);
    visits();
    const { body } = await storage.open("idle/a", { range: { start: 10, end: undefined } });
    await expect.poll(() => proxy.busy).toEqual([]);
    expect(Buffer.from(await body.bytes()).equals(bytes.subarray(10))).toBe(true);
    expect(visits()).toEqual(["GET", "GET"]);
  });

  it("half-way is resumed where it was", async () => {
    const { storage, proxy } = await freshWire(rig, { idleBodyMs: 50 });
    await storage.put("idle/b", bytes);
    const { body } = await storage.open("idle/b");
    const pieces: Uint8Array[] = [];
    for await (const piece of body) {
      if (pieces.length === 1) await expect.poll(() => proxy.busy).toEqual([]);
      pieces.push(piece);
    }
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  });

  it("fails when its version is gone meanwhile, and is never resumed in another", async () => {
    const { storage, proxy } = await freshWire(rig, { idleBodyMs: 50 });
    await storage.put("idle/c", bytes);
    const { body } = await storage.open("idle/c");
    await expect.poll(() => proxy.busy).toEqual([]);
    await storage.put("idle/c", randomBytes(6_000_000));
    await expect(body.bytes()).rejects.toMatchObject({ code: "precondition_failed" });
  });

  it("is released at once when it is closed, or reading it ends early", async () => {
    const { storage, proxy } = await freshWire(rig);
    await storage.put("idle/d", bytes);
    const opened = await storage.open("idle/d");
    await opened.body.close();
    await expect.poll(() => proxy.busy).toEqual([]);
    for await (const _ of (await storage.open("idle/d")).body) break;
    await expect.poll(() => proxy.busy).toEqual([]);
  });
});

describe("a body while it arrives", () => {
  it("that breaks is unavailable, and is resumed by retries", async () => {
    const { storage, proxy } = await freshWire(rig);
    await storage.put("broken/a", bytes);
    proxy.plan.next({ kind: "cutDown", share: 0.5 });
    await expect(storage.get("broken/a")).rejects.toMatchObject({ code: "unavailable" });
    proxy.plan.next({ kind: "cutDown", share: 0.5 }, { kind: "cutDown", share: 0.5 });
    const patient = storage.with(retry({ baseDelayMs: 1 }));
    expect(Buffer.from(await patient.get("broken/a")).equals(bytes)).toBe(true);
  });

  it("that is small and breaks fails the call that opens it", async () => {
    const { storage, proxy } = await freshWire(rig);
    await storage.put("broken/b", randomBytes(100_000));
    proxy.plan.next({ kind: "cutDown", share: 0.5 });
    await expect(storage.open("broken/b")).rejects.toMatchObject({ code: "unavailable" });
  });

  it("that was damaged is corrupt", async () => {
    const { storage, proxy } = await freshWire(rig);
    await storage.put("broken/c", bytes);
    proxy.plan.next({ kind: "corrupt", share: 0.5 });
    await expect(storage.get("broken/c")).rejects.toMatchObject({ code: "corrupt" });
  });

  it("ends with the caller's signal, and frees the connection", async () => {
    const { storage, proxy } = await freshWire(rig);
    await storage.put("broken/d", bytes);
    const controller = new AbortController();
    const { body } = await storage.open("broken/d", { signal: controller.signal });
    controller.abort();
    await expect(body.bytes()).rejects.toMatchObject({ code: "aborted" });
    await expect.poll(() => proxy.busy).toEqual([]);
  });

  it("read to its end leaves its connection for the next request", async () => {
    const { storage, proxy } = await freshWire(rig);
    await storage.put("kept/a", bytes);
    const before = proxy.connections;
    for (let turn = 0; turn < 5; turn++) {
      await storage.get("kept/a");
      await sleep(5);
    }
    expect(proxy.connections).toBe(before);
  });
});

describe("the last bytes of an object", () => {
  it("are of one version, although the service knows no range that counts from the end", async () => {
    const { storage, proxy } = await freshWire(rig);
    await storage.put("suffix/a", Buffer.alloc(400_000, "a"));
    const slow = { kind: "delay", ms: 200 } as const;
    proxy.plan.next(slow, slow);
    const opening = storage.open("suffix/a", { range: { suffix: 300_000 } });
    await expect.poll(() => proxy.visits.at(-1)?.method).toBe("GET");
    const direct = new Storage(
      new AzureBackend({ connectionString: rig.connectionString, container: "svc-infra" }),
    );
    await direct.put("suffix/a", Buffer.alloc(350_000, "b"));
    const opened = await opening;
    expect([opened.size, opened.start, opened.end]).toEqual([350_000, 50_000, 350_000]);
    expect(Buffer.from(await opened.body.bytes()).equals(Buffer.alloc(300_000, "b"))).toBe(true);
  });
});
