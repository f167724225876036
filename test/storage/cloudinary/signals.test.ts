import { Storage } from "svc-infra/storage";
import { CloudinaryBackend, type CloudinaryBackendOptions } from "svc-infra/storage/cloudinary";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { type FaultProxy, startFaultProxy } from "../../rigs/fault-proxy.js";
import { fresh } from "./fresh-backend.js";

async function behindProxy(options: Partial<CloudinaryBackendOptions> = {}) {
  const { double } = await fresh();
  const proxy = await startFaultProxy(double.endpoint);
  const backend = new CloudinaryBackend({ ...double.options, ...options, endpoint: proxy.endpoint });
  onTestFinished(async () => {
    await backend.close();
    await proxy.stop();
  });
  return { double, proxy, storage: new Storage(backend) };
}

/** Fires when the proxy has seen so many requests. */
async function abortAfter(proxy: FaultProxy, visits: number): Promise<AbortController> {
  const controller = new AbortController();
  void vi
    .waitFor(() => expect(proxy.visits.length).toBeGreaterThanOrEqual(visits), { timeout: 10_000 })
    .then(() => controller.abort());
  return controller;
}

const moreThanSocketsHold = Buffer.alloc(40_000_000, 1);

describe("a signal", () => {
  it.each<readonly [string, (storage: Storage, signal: AbortSignal) => Promise<unknown>]>([
    ["delete", (storage, signal) => storage.delete("a", { signal })],
    ["deleteMany", (storage, signal) => storage.deleteMany(["a", "b"], { signal })],
    ["getMetadata", (storage, signal) => storage.getMetadata("a", { signal })],
    ["get", (storage, signal) => storage.get("a", { signal })],
    ["list", (storage, signal) => storage.list({ signal })],
  ])("ends %s while the service hangs, and closes its connection", async (_name, call) => {
    const { proxy, storage } = await behindProxy();
    proxy.plan.mix(1, () => ({ kind: "hang" }));
    const { signal } = await abortAfter(proxy, 1);
    await expect(call(storage, signal)).rejects.toMatchObject({ code: "aborted" });
    await vi.waitFor(() => expect(proxy.busy).toEqual([]), { timeout: 10_000 });
  });

  it("cuts off an upload that is being sent, and nothing of it is stored", async () => {
    const { double, proxy, storage } = await behindProxy({ chunkBytes: 50_000_000 });
    await storage.put("a", "old");
    proxy.plan.next({ kind: "throttle", bytesPerSecond: 10_000_000 });
    const { signal } = await abortAfter(proxy, 2);
    await expect(storage.put("a", moreThanSocketsHold, { signal })).rejects.toMatchObject({
      code: "aborted",
    });
    await vi.waitFor(() => expect(proxy.busy).toEqual([]), { timeout: 10_000 });
    expect(double.assets.get("raw", "authenticated", "files/a").content.toString()).toBe("old");
  });

  it("cannot call back an upload all of which has left: its answer is told", async () => {
    const { proxy, storage } = await behindProxy();
    proxy.plan.next({ kind: "delay", ms: 500 });
    const { signal } = await abortAfter(proxy, 1);
    const stored = await storage.put("a", "new", { signal });
    expect(signal.aborted).toBe(true);
    expect((await storage.getMetadata("a")).etag).toBe(stored.etag);
  });
});
