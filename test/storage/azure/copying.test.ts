import { randomBytes } from "node:crypto";
import { parseKey, Storage } from "svc-infra/storage";
import { AzureBackend } from "svc-infra/storage/azure";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { copyObject } from "#dist/storage/backends/azure/copy.js";
import { openAccess } from "#dist/storage/backends/azure/options.js";
import { type AzuriteRig, startAzurite } from "../../rigs/azurite.js";
import { BlocksFromUrl } from "../../rigs/azurite-blocks-from-url.js";
import { freshWire } from "./fresh-wire.js";

const description = { contentType: "image/webp", filename: "図.webp", metadata: { "taken-by": "Zoë" } };
const stepBytes = 100_000;
const unconditional = {
  sourceIfMatch: undefined,
  ifAbsent: false,
  ifMatch: undefined,
  signal: undefined,
} as const;

let rig: AzuriteRig;
let storage: Storage;
beforeAll(async () => {
  rig = await startAzurite();
  storage = new Storage(new AzureBackend({ connectionString: rig.connectionString, container: "svc-infra" }));
});
afterAll(() => rig?.stop());

/** Copies in steps, as what is larger than 256 MiB is copied, but smaller ones. */
async function inSteps() {
  const double = new BlocksFromUrl(rig);
  const endpoint = await double.start();
  onTestFinished(() => double.stop());
  const { account, accountKey } = rig;
  const opened = openAccess({ container: "svc-infra", account, accountKey, endpoint });
  const access = { ...opened, copiedAtOnceBytes: 0, copiedStepBytes: stepBytes };
  return {
    double,
    copy: (options = {}) =>
      copyObject(access, parseKey("from"), parseKey("to"), { ...unconditional, ...options }),
  };
}

describe("a copy in steps", () => {
  it("has the content and the whole description, and is published by one request", async () => {
    const bytes = randomBytes(7 * stepBytes + 1);
    const source = await storage.put("from", bytes, description);
    const { double, copy } = await inSteps();
    const copied = await copy();
    expect(double.ranges.toSorted()).toEqual(
      Array.from(
        { length: 8 },
        (_, index) => `bytes=${index * stepBytes}-${index === 7 ? 700_000 : (index + 1) * stepBytes - 1}`,
      ),
    );
    const { key, url, etag, lastModified, ...told } = source;
    const found = await storage.getMetadata("to");
    expect(found).toMatchObject(told);
    expect(found).toMatchObject({ key: "to", etag: copied.etag });
    expect(copied).toMatchObject(told);
    expect(Buffer.from(await storage.get("to")).equals(bytes)).toBe(true);
  });

  it("keeps the conditions of its target", async () => {
    await storage.put("from", randomBytes(3 * stepBytes));
    const { etag } = await storage.put("to", "old");
    await storage.put("to", "newer");
    const { copy } = await inSteps();
    for (const condition of [{ ifAbsent: true }, { ifMatch: etag }]) {
      await expect(copy(condition)).rejects.toMatchObject({ failure: { code: "precondition_failed" } });
    }
    expect(Buffer.from(await storage.get("to")).toString()).toBe("newer");
  });

  it("is of one version, also when the source is replaced meanwhile", async () => {
    await storage.put("from", Buffer.alloc(3 * stepBytes, "a"));
    const { double, copy } = await inSteps();
    let isReplaced = false;
    double.beforeBlock = async () => {
      if (isReplaced || double.ranges.length < 2) return;
      isReplaced = true;
      await storage.put("from", Buffer.alloc(4 * stepBytes, "b"));
    };
    expect((await copy()).size).toBe(4 * stepBytes);
    expect(Buffer.from(await storage.get("to")).equals(Buffer.alloc(4 * stepBytes, "b"))).toBe(true);
  });

  it("of a source that is replaced again and again is unavailable, and nothing of it is there", async () => {
    await storage.put("to", "old");
    await storage.put("from", Buffer.alloc(3 * stepBytes, "a"));
    const { double, copy } = await inSteps();
    double.beforeBlock = async () => {
      await storage.put("from", randomBytes(3 * stepBytes));
    };
    await expect(copy()).rejects.toMatchObject({ failure: { code: "unavailable" } });
    expect(Buffer.from(await storage.get("to")).toString()).toBe("old");
  });

  it("ends when its signal fires, and leaves the target", async () => {
    await storage.put("to", "old");
    await storage.put("from", randomBytes(9 * stepBytes));
    const { double, copy } = await inSteps();
    const controller = new AbortController();
    double.beforeBlock = async () => controller.abort();
    await expect(copy({ signal: controller.signal })).rejects.toMatchObject({ name: "AbortError" });
    expect(Buffer.from(await storage.get("to")).toString()).toBe("old");
  });
});

describe("a copy at once", () => {
  it("is two requests, and none of them carries content", async () => {
    const wire = await freshWire(rig);
    await wire.storage.put("small", "content", description);
    wire.visits();
    await wire.storage.copy("small", "small-copy");
    expect(wire.visits()).toEqual(["HEAD", "PUT"]);
  });

  it("is of the version that it says, also when the source is replaced meanwhile", async () => {
    const wire = await freshWire(rig);
    await storage.put("turned", "old", { contentType: "text/plain" });
    wire.proxy.plan.next({ kind: "delay", ms: 0 }, { kind: "delay", ms: 300 });
    const copying = wire.storage.copy("turned", "turned-copy");
    await expect.poll(() => wire.proxy.visits.length).toBe(2);
    await storage.put("turned", "newer content", { contentType: "text/html" });
    expect(await copying).toMatchObject({ size: 13, contentType: "text/html" });
    expect(Buffer.from(await storage.get("turned-copy")).toString()).toBe("newer content");
  });
});
