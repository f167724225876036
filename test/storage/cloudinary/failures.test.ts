import { inspect } from "node:util";
import { easyStorage } from "svc-infra";
import { retry, Storage, StorageError, type StorageErrorCode } from "svc-infra/storage";
import { CloudinaryBackend } from "svc-infra/storage/cloudinary";
import { describe, expect, it, onTestFinished } from "vitest";
import { startFaultProxy } from "../../rigs/fault-proxy.js";
import { fresh, png } from "./fresh-backend.js";

const calls: readonly (readonly [string, (storage: Storage) => Promise<unknown>])[] = [
  ["put", (storage) => storage.put("t/secret-key.png", png())],
  ["get", (storage) => storage.get("t/secret-key.png")],
  ["getMetadata", (storage) => storage.getMetadata("t/secret-key.png")],
  ["exists", (storage) => storage.exists("t/secret-key.png")],
  ["delete", (storage) => storage.delete("t/secret-key.png")],
  ["copy", (storage) => storage.copy("t/secret-key.png", "b.png")],
  ["list", (storage) => storage.list()],
  ["check", (storage) => storage.check()],
];

async function failureOf(call: Promise<unknown>): Promise<StorageError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof StorageError) return error;
  throw new Error("it did not fail");
}

/** The code is right, and the message is ours: it names what to look at, no key, nothing the service wrote, no secret. */
function check(error: StorageError, code: StorageErrorCode, words: RegExp, secret: string): void {
  expect(error.code).toBe(code);
  expect(error.message).toMatch(words);
  expect(error.message).not.toMatch(
    /String to sign|secret-key|Stale request|<html>|Unknown API|Rate Limit Exceeded/,
  );
  const whole = inspect(error, { depth: 10 });
  expect(whole).not.toContain(secret);
  // Logs show causes, too.
  expect(whole).not.toMatch(/String to sign|Stale request|<html|Unknown API|Rate Limit Exceeded|public_id/);
}

describe.each(calls)("%s", (_name, call) => {
  it("with a wrong secret is permission_denied and names the variables", async () => {
    const { backend } = await fresh({ apiSecret: "not-the-secret" });
    const error = await failureOf(call(new Storage(backend)));
    check(error, "permission_denied", /STORAGE_CLOUDINARY_API_SECRET.*CLOUDINARY_URL/, "not-the-secret");
  });

  it("with an unknown key is permission_denied and names the variables", async () => {
    const { backend, double } = await fresh({ apiKey: "000" });
    const error = await failureOf(call(new Storage(backend)));
    check(error, "permission_denied", /STORAGE_CLOUDINARY_API_KEY/, double.options.apiSecret);
  });

  it("of an unknown cloud is a configuration error that names the variable", async () => {
    const { backend, double } = await fresh({ cloudName: "nobody" });
    const error = await failureOf(call(new Storage(backend)));
    check(error, "configuration", /STORAGE_CLOUDINARY_CLOUD_NAME/, double.options.apiSecret);
  });

  const fault = (kind: "refuse" | "loseAnswer") => ({ kind });
  const answer = (status: number, headers = {}) => ({
    kind: "answer" as const,
    status,
    headers,
    body: "<html>no</html>",
  });

  it.each([
    ["429", answer(429, { "retry-after": "7" }), "rate_limited"],
    ["503", answer(503), "unavailable"],
    ["500", answer(500), "unavailable"],
    ["403", answer(403), "permission_denied"],
    ["a refused connection", fault("refuse"), "unavailable"],
    ["a lost answer", fault("loseAnswer"), "unavailable"],
    ["an answer that is no JSON", answer(200), "unavailable"],
  ] as const)("tells %s", async (_what, given, code) => {
    const { double } = await fresh();
    const proxy = await startFaultProxy(double.endpoint);
    const backend = new CloudinaryBackend({ ...double.options, endpoint: proxy.endpoint });
    onTestFinished(async () => {
      await backend.close();
      await proxy.stop();
    });
    proxy.plan.mix(1, () => given);
    const error = await failureOf(call(new Storage(backend)));
    check(error, code, /./, double.options.apiSecret);
    if (given.kind === "answer" && given.status === 429) expect(error.retryAfterMs).toBe(7000);
    proxy.plan.clear();
    await new Storage(backend).check();
  });
});

const isSigned = (name: string) => ["put", "delete"].includes(name);

it.each(calls.filter(([name]) => isSigned(name)))(
  "%s with a clock that is wrong names the clock",
  async (_, call) => {
    const { backend, double } = await fresh({}, { now: () => Date.now() - 7_200_000 });
    const error = await failureOf(call(new Storage(backend)));
    check(error, "configuration", /clock/, double.options.apiSecret);
  },
);

it.each(calls.filter(([name]) => !isSigned(name)))(
  "%s when the calls of the hour are used up is rate_limited until the hour ends",
  async (_, call) => {
    const { backend, double } = await fresh({}, { adminCallsPerHour: 0 });
    const error = await failureOf(call(new Storage(backend)));
    check(error, "rate_limited", /slow down/, double.options.apiSecret);
    expect(error.retryAfterMs).toBeGreaterThanOrEqual(0);
    expect(error.retryAfterMs).toBeLessThanOrEqual(3_600_000);
  },
);

describe("what the plan does not have", () => {
  it("is too_large for a file, with nothing stored", async () => {
    const { storage, double } = await fresh({}, { maxFileBytes: { image: 100 } });
    const error = await failureOf(storage.put("a.png", png("x".repeat(200))));
    check(error, "too_large", /plan/, double.options.apiSecret);
    expect(double.assets.size).toBe(0);
  });
});

it("an endpoint without a server is unavailable, and nothing was done", async () => {
  const { double } = await fresh();
  const { options } = double;
  const backend = new CloudinaryBackend({ ...options, endpoint: "http://127.0.0.1:9" });
  const error = await backend.stat("a" as never, { signal: undefined }).catch((reason: unknown) => reason);
  expect(backend.classify(error)).toMatchObject({ code: "unavailable", applied: false });
  expect(backend.classify(error).message).toContain("STORAGE_CLOUDINARY_ENDPOINT");
  await backend.close();
});

it("through faults the retry layer gets everything done, and every read is what was written", async () => {
  const { double } = await fresh();
  const proxy = await startFaultProxy(double.endpoint, { seed: 7 });
  const backend = new CloudinaryBackend({ ...double.options, endpoint: proxy.endpoint });
  onTestFinished(async () => {
    await backend.close();
    await proxy.stop();
  });
  proxy.plan.mix(
    0.2,
    () => ({ kind: "refuse" }),
    (random) => ({ kind: "cutUp", share: random() }),
    (random) => ({ kind: "cutDown", share: random() }),
    () => ({ kind: "loseAnswer" }),
    () => ({ kind: "answer", status: 503 }),
  );
  const storage = new Storage(backend).with(retry({ attempts: 12, baseDelayMs: 1, maxDelayMs: 5 }));
  const names = Array.from({ length: 60 }, (_, index) => `k/${String(index).padStart(2, "0")}`);
  await Promise.all(
    names.map(async (name) => {
      await storage.put(name, name.repeat(1000), { metadata: { name } });
      expect(Buffer.from(await storage.get(name)).toString()).toBe(name.repeat(1000));
      expect((await storage.getMetadata(name)).metadata).toEqual({ name });
    }),
  );
  expect(await storage.listKeys({ prefix: "k/" })).toEqual(names);
  expect(Object.values(proxy.counts).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(20);
});

describe("settings", () => {
  it("come from CLOUDINARY_URL, from the separate variables, and from code, which beats both", async () => {
    const { double } = await fresh();
    const { cloudName, apiKey, apiSecret, endpoint } = double.options;
    const url = `cloudinary://${apiKey}:${apiSecret}@${cloudName}?upload_prefix=${endpoint}`;
    const wrong = { STORAGE_CLOUDINARY_API_SECRET: "wrong" };
    const storages = [
      await easyStorage({}, { CLOUDINARY_URL: url }),
      await easyStorage({}, { STORAGE_BACKEND: "cloudinary", ...double.env }),
      await easyStorage({ backend: "cloudinary", cloudName, apiKey, apiSecret, endpoint }, wrong),
      await easyStorage({ backend: "cloudinary", apiSecret }, { ...wrong, CLOUDINARY_URL: url }),
    ];
    for (const storage of storages) {
      expect((await storage.put("a", "content")).size).toBe(7);
      await storage.close();
    }
  });

  it.each([
    [{}, /CLOUDINARY_URL or STORAGE_CLOUDINARY_CLOUD_NAME, .*_API_KEY, .*_API_SECRET/],
    [{ cloudName: "c", apiKey: "k" }, /STORAGE_CLOUDINARY_API_SECRET/],
    [{ url: "https://k:s3cr3t@c" }, /CLOUDINARY_URL/],
    [{ url: "cloudinary://k:s3cr3t@c?signature_algorithm=md5" }, /signature_algorithm/],
    [{ url: "cloudinary://k:s3cr3t@c", delivery: "cdn-token" }, /STORAGE_CLOUDINARY_AUTH_TOKEN_KEY/],
    [{ url: "cloudinary://k:s3cr3t@c", chunkBytes: 1000 }, /chunkBytes/],
    [{ url: "cloudinary://k:s3cr3t@c", endpoint: "nowhere" }, /STORAGE_CLOUDINARY_ENDPOINT is not a URL/],
    [{ url: "cloudinary://k:s3cr3t@c", endpoint: "http://api.example" }, /must be an https URL/],
  ] as const)("%j are refused", (options, words) => {
    expect(() => new CloudinaryBackend(options)).toThrow(
      expect.objectContaining({ code: "configuration", message: expect.stringMatching(words) }),
    );
    expect(() => new CloudinaryBackend(options)).not.toThrow(/s3cr3t/);
  });

  it("take an account that signs with SHA-256", async () => {
    const { storage } = await fresh({ signatureAlgorithm: "sha256" }, { signatureAlgorithm: "sha256" });
    await storage.put("a", "content");
    const served = await fetch(await storage.getUrl("a"));
    expect(await served.text()).toBe("content");
  });
});

describe("a listing that does not go on is an error after a few looks", () => {
  const asset = { public_id: "files/a", version: 1, bytes: 1 };
  let count = 0;
  it.each([
    ["the same cursor again, and nothing", () => ({ resources: [], next_cursor: "same" })],
    ["a page that is repeated", () => ({ resources: [asset], next_cursor: `c${count++}` })],
  ])("%s", async (_name, page) => {
    const { double } = await fresh();
    const proxy = await startFaultProxy(double.options.endpoint);
    onTestFinished(() => proxy.stop());
    const storage = new Storage(new CloudinaryBackend({ ...double.options, endpoint: proxy.endpoint }));
    onTestFinished(() => storage.close());
    proxy.plan.mix(1, () => {
      // A listing that goes on and on must end the test, and not the machine.
      if (proxy.visits.length > 50) return { kind: "answer", status: 500, body: "" };
      return { kind: "answer", status: 200, body: JSON.stringify(page()) };
    });
    await expect(storage.list()).rejects.toMatchObject({ code: "unavailable" });
    expect(proxy.visits.length).toBeLessThan(12);
  });
});
