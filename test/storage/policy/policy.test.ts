import { Storage, StorageConfigurationError, StorageError } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import type { PolicyOptions, Scanner } from "svc-infra/storage/policy";
import { describe, expect, it } from "vitest";
import { easyStorage } from "#dist/storage/easy-storage.js";

const gif = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");
const never = (): never => {
  throw new Error("not to be called");
};
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "stored",
    (error: unknown) => (error instanceof StorageError ? error.code : String(error)),
  );
const stored = (policy: PolicyOptions) => new Storage(new MemoryBackend(), { policy });

describe("a policy", () => {
  it("counts by type, and the pattern that fits best holds", async () => {
    const storage = stored({ maxBytes: { "image/*": 100, "image/gif": "1kB", "*/*": 50, "text/plain": 10 } });
    expect(await codeOf(storage.put("a", Buffer.concat([gif, Buffer.alloc(900)])))).toBe("stored");
    expect(await codeOf(storage.put("b", Buffer.concat([gif, Buffer.alloc(1000)])))).toBe("too_large");
    expect(await codeOf(storage.put("c", "a".repeat(10), { contentType: "text/plain" }))).toBe("stored");
    expect(await codeOf(storage.put("d", "a".repeat(11), { contentType: "text/plain" }))).toBe("too_large");
    expect(await codeOf(storage.put("e", Buffer.alloc(51)))).toBe("too_large");
  });

  it("is named where it is what limits, in every way to store", async () => {
    const backend = new MemoryBackend({ baseUrl: "http://localhost/files" });
    const messagesOf = async (policy: PolicyOptions, maxBytes: number) => {
      const storage = new Storage(backend, { maxBytes, policy });
      await new Storage(backend).put("large", Buffer.alloc(60));
      const ways = [
        storage.put("a", Buffer.alloc(60)),
        storage.prepareUpload("a", { size: 60, contentType: "application/x-foo" }),
        storage.createUpload("a").then((upload) => upload.writePart(1, Buffer.alloc(60))),
        storage.copy("large", "a"),
      ];
      return Promise.all(ways.map((way) => way.then(String, ({ message }: Error) => message)));
    };
    const ofPolicy = "content is larger than 50 bytes; maxBytes of the policy or of the call sets it";
    expect(await messagesOf({ maxBytes: 50 }, 1000)).toEqual(Array(4).fill(ofPolicy));
    const [put, prepared, , copied] = await messagesOf({ maxBytes: { "*/*": 50 } }, 1000);
    expect([put, prepared, copied]).toEqual(Array(3).fill(ofPolicy));
    const ofStorage = expect.stringMatching(/^content is larger than 50 bytes; STORAGE_MAX_UPLOAD_BYTES, /);
    const [stored, ahead, part] = await messagesOf({ maxBytes: 100 }, 50);
    expect([stored, ahead, part]).toEqual(Array(3).fill(ofStorage));
  });

  it("holds under any prefix that a key can begin with", async () => {
    const whole = "a".repeat(1024);
    for (const [prefix, key] of [
      ["config/.", "config/.env"],
      [".", ".env"],
      [".svc-infra", ".svc-infra2/a"],
      ["", "a"],
      [whole, whole],
    ] as const) {
      const storage = stored({ under: { [prefix]: { maxBytes: 1 } } });
      expect([prefix, await codeOf(storage.put(key, "xx"))]).toEqual([prefix, "too_large"]);
      expect(await codeOf(storage.put("elsewhere", "xx"))).toBe(prefix === "" ? "too_large" : "stored");
    }
  });

  it("gives no group's larger limit to content that only its name puts there", async () => {
    const storage = stored({ maxBytes: { "image/*": "5MB", "*/*": 50, "image/x-own": 200, "text/*": 20 } });
    const sent = (contentType: string, size: number, key = "k") => {
      return codeOf(storage.put(key, Buffer.alloc(size, 7), { contentType }));
    };
    expect(await sent("application/x-foo", 51)).toBe("too_large");
    expect(await sent("image/x-foo", 51)).toBe("too_large");
    expect(await sent("image/x-foo", 50)).toBe("stored");
    expect(await sent("image/x-own", 200)).toBe("stored");
    expect(await codeOf(storage.put("t", "x".repeat(21), { contentType: "text/plain" }))).toBe("too_large");
    expect(await codeOf(storage.put("g", Buffer.concat([gif, Buffer.alloc(900)])))).toBe("stored");
  });

  it("refuses an upload before it is sent where no content of its type could pass", async () => {
    const backend = new MemoryBackend({ baseUrl: "http://localhost/files" });
    const prepared = (policy: PolicyOptions, contentType: string, size = 10) => {
      return codeOf(new Storage(backend, { policy }).prepareUpload("a", { size, contentType }));
    };
    expect(await prepared({ types: ["text/*"] }, "text/plain")).toBe("unsupported_type");
    expect(await prepared({ types: ["application/*"] }, "application/x-own")).toBe("unsupported_type");
    expect(await prepared({ types: ["text/*"] }, "text/calendar")).toBe("stored");
    expect(await prepared({ types: ["text/plain"] }, "text/plain")).toBe("stored");
    expect(await prepared({ types: ["image/*"] }, "image/jpg")).toBe("stored");
    const limits = { "image/*": 100, "*/*": 10 };
    expect(await prepared({ maxBytes: limits }, "image/x-foo", 11)).toBe("too_large");
    expect(await prepared({ maxBytes: limits }, "image/jpg", 100)).toBe("stored");
  });

  it("refuses an upload before it is sent that its scanner cannot look at as a whole", async () => {
    const backend = new MemoryBackend({ baseUrl: "http://localhost/files" });
    const scanner: Scanner = {
      name: "small",
      maxBytes: 10,
      check: async () => undefined,
      begin: async () => never(),
    };
    const prepared = (scan: PolicyOptions["scan"], size: number) => {
      return codeOf(
        new Storage(backend, { policy: { scan } }).prepareUpload("a", { size, contentType: "text/plain" }),
      );
    };
    expect(await prepared(scanner, 11)).toBe("unavailable");
    expect(await prepared(scanner, 10)).toBe("stored");
    expect(await prepared({ scanner, whenUnavailable: "accept" }, 11)).toBe("stored");
  });

  it.each<[string, PolicyOptions]>([
    [
      "a scanner",
      { scan: { name: "s", maxBytes: 1, begin: async () => never(), check: async () => never() } },
    ],
    ["onInfected", { onInfected: () => undefined }],
    ["onInfected", { under: { "a/": {}, "b/": { onInfected: () => undefined } } }],
  ])("keeps no functions with an upload, and names %s", async (name, policy) => {
    const storage = new Storage(new MemoryBackend({ baseUrl: "http://localhost/files" }));
    const preparing = storage.prepareUpload("a", { size: 1, contentType: "text/plain", policy });
    await expect(preparing).rejects.toMatchObject({
      code: "invalid_argument",
      message: `${name} cannot be kept until the upload is complete; give it to the storage or to completeUpload`,
    });
  });

  it("leaves the limit of content that says no type to its bytes, before it is sent too", async () => {
    const backend = new MemoryBackend({ baseUrl: "http://localhost/files" });
    const storage = new Storage(backend, { policy: { maxBytes: { "image/*": 100, "*/*": 10 } } });
    const prepared = (contentType: string, size: number) => {
      return codeOf(storage.prepareUpload("a", { size, contentType }));
    };
    expect(await prepared("application/octet-stream", 100)).toBe("stored");
    expect(await prepared("application/pdf", 100)).toBe("too_large");
    expect(await prepared("image/gif", 101)).toBe("too_large");
  });

  it("is narrowed by prefix, by call and by withPolicy, and never widened", async () => {
    const storage = stored({ maxBytes: 60, under: { "avatars/": { types: ["image/*"], maxBytes: "1GB" } } });
    expect(await codeOf(storage.put("notes/a", "hello"))).toBe("stored");
    expect(await codeOf(storage.put("avatars/a", "hello"))).toBe("unsupported_type");
    expect(await codeOf(storage.put("avatars/a", gif))).toBe("stored");
    expect(await codeOf(storage.put("avatars/b", Buffer.concat([gif, gif])))).toBe("too_large");
    expect(await codeOf(storage.put("a", gif, { policy: { maxBytes: 10 } }))).toBe("too_large");
    expect(await codeOf(storage.put("a", "x".repeat(61), { maxBytes: 100, policy: { maxBytes: 100 } }))).toBe(
      "too_large",
    );
    const narrower = storage.withPolicy({ types: ["text/plain"] });
    expect(await codeOf(narrower.put("avatars/a", gif))).toBe("unsupported_type");
    expect(await codeOf(narrower.put("b", "x".repeat(61)))).toBe("too_large");
    expect(await codeOf(narrower.put("b", "x", { contentType: "text/plain" }))).toBe("stored");
  });

  it("holds of a tenant by the names of the whole storage", async () => {
    const storage = stored({ under: { "acme/avatars/": { types: ["image/*"] } } });
    expect(await codeOf(storage.forTenant("acme").put("avatars/a", "hello"))).toBe("unsupported_type");
    expect(await codeOf(storage.forTenant("other").put("avatars/a", "hello"))).toBe("stored");
  });

  it("holds the metadata to its rules", async () => {
    const storage = stored({ metadata: { maxPairs: 2, maxBytes: 10, names: ["a", "b"] } });
    expect(await codeOf(storage.put("k", "x", { metadata: { a: "1", b: "2" } }))).toBe("stored");
    expect(await codeOf(storage.put("k", "x", { metadata: { c: "1" } }))).toBe("invalid_argument");
    expect(await codeOf(storage.put("k", "x", { metadata: { a: "1234567890" } }))).toBe("invalid_argument");
  });

  it("checks what is copied or moved by its new name", async () => {
    const backend = new MemoryBackend();
    const before = new Storage(backend);
    await before.put("in/page", "<html>", { contentType: "image/gif" });
    await before.put("in/picture", gif, { contentType: "image/gif" });
    const storage = new Storage(backend, {
      policy: { under: { "out/": { types: ["image/*"], maxBytes: 100 } } },
    });
    expect(await codeOf(storage.copy("in/page", "out/page"))).toBe("unsupported_type");
    expect(await codeOf(storage.move("in/page", "out/page"))).toBe("unsupported_type");
    expect(await codeOf(storage.copy("in/picture", "out/picture"))).toBe("stored");
    expect(await codeOf(storage.copy("in/picture", "out/other", { sourceIfMatch: "another" }))).toBe(
      "precondition_failed",
    );
    await before.put("in/large", Buffer.concat([gif, Buffer.alloc(100)]), { contentType: "image/gif" });
    expect(await codeOf(storage.copy("in/large", "out/large"))).toBe("too_large");
    expect(await storage.listKeys({ prefix: "out/" })).toEqual(["out/picture"]);
  });

  it("copies the version that it checked, and not the one that took its place meanwhile", async () => {
    const backend = new MemoryBackend();
    const outside = new Storage(backend);
    await outside.put("staged", "good", { contentType: "text/plain" });
    const overwriting: Scanner = {
      name: "slow",
      maxBytes: 100,
      check: async () => undefined,
      begin: async () => {
        let text = "";
        return {
          pass: async (piece) => {
            text += Buffer.from(piece).toString();
          },
          end: async () => {
            if (text === "evil") return { isClean: false, found: "Evil" };
            await outside.put("staged", "evil", { contentType: "text/plain" });
            return { isClean: true };
          },
          cancel: () => undefined,
        };
      },
    };
    const storage = new Storage(backend, { policy: { scan: overwriting } });
    expect(await codeOf(storage.copy("staged", "final"))).toBe("infected");
    expect(await storage.listKeys()).toEqual(["staged"]);
  });

  it("lets no URL of a provider go around it, and names what to use", async () => {
    class Provider extends MemoryBackend {
      override signer(): Promise<never> {
        return Promise.resolve(undefined as never);
      }
    }
    const direct = new Storage(new Provider({ baseUrl: "http://localhost/files" }), {
      policy: { types: ["image/*"] },
    });
    const refused = direct.getUploadUrl("k", { contentType: "image/png" });
    await expect(refused).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("prepareUpload"),
    });
  });
});

describe("a policy that is not sound is refused at once:", () => {
  it.each<[PolicyOptions | Record<string, unknown>, string]>([
    [{ maxBytes: "5 elephants" }, "maxBytes"],
    [{ maxBytes: { image: 5 } }, "maxBytes"],
    [{ maxBytes: { "image/*": 0 } }, "maxBytes['image/*']"],
    [{ types: [] }, "types"],
    [{ types: ["image"] }, "STORAGE_ALLOWED_TYPES"],
    [{ mismatch: "ignore" }, "mismatch"],
    [{ metadata: { maxPairs: -1 } }, "metadata"],
    [{ scan: {} }, "STORAGE_CLAMAV_URL"],
    [{ scan: { scanner: { begin() {} }, whenUnavailable: "ignore" } }, "whenUnavailable"],
    [{ type: ["image/*"] }, "no option 'type'; it takes maxBytes, types"],
    [{ maxBytes: null }, "maxBytes"],
    [{ metadata: { maxPair: 1 } }, "metadata has no option 'maxPair'"],
    [{ metadata: { names: "owner" } }, "'names'"],
    [{ metadata: null }, "metadata"],
    [{ scan: null }, "scan"],
    [{ scan: { scanner: { begin() {} }, whenAway: "accept" } }, "no option 'whenAway'"],
    [{ onInfected: "log" }, "onInfected"],
    [{ under: null }, "under"],
    [{ under: { "a/": null } }, "policy takes an object"],
    [{ under: { "/a/": { types: ["image/*"] } } }, "under['/a/']"],
    [{ under: { "a//": {} } }, "under['a//']"],
    [{ under: { "a/..": {} } }, "under['a/..']"],
    [{ under: { ".svc-infra/": {} } }, "under['.svc-infra/']"],
    [{ under: { "a/": { under: { "/b/": { types: ["image/*"] } } } } }, "under['a//b/']"],
    [{ under: { "a/": { types: ["?"] } } }, "types"],
  ])("%j", (policy, named) => {
    expect(() => stored(policy as PolicyOptions)).toThrow(StorageConfigurationError);
    expect(() => stored(policy as PolicyOptions)).toThrow(named);
  });
});

describe("the environment", () => {
  const env = { STORAGE_BACKEND: "memory", STORAGE_SIGNING_SECRET: "s".repeat(32) };

  it("sets the allowed types", async () => {
    const storage = await easyStorage({}, { ...env, STORAGE_ALLOWED_TYPES: "image/*, application/pdf" });
    expect(await codeOf(storage.put("k", gif))).toBe("stored");
    expect(await codeOf(storage.put("k", "x"))).toBe("unsupported_type");
  });

  it("sets a scanner, without which nothing is stored", async () => {
    for (const url of ["unix:/nowhere/clamd.ctl", "tcp://127.0.0.1:1"]) {
      const storage = await easyStorage({}, { ...env, STORAGE_CLAMAV_URL: url });
      expect(await codeOf(storage.put("k", "x"))).toBe("unavailable");
    }
  });

  it.each([
    ["STORAGE_ALLOWED_TYPES", "pictures"],
    ["STORAGE_CLAMAV_URL", "http://clamav"],
    ["STORAGE_CLAMAV_URL", "unix:clamd.ctl"],
    ["STORAGE_CLAMAV_MAX_BYTES", "25M"],
  ])("with %s=%s is refused by that name", async (name, value) => {
    await expect(easyStorage({}, { ...env, [name]: value })).rejects.toThrow(name);
  });
});
