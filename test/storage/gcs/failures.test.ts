import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { retry, Storage, StorageError } from "svc-infra/storage";
import { GcsBackend, type GcsBackendOptions } from "svc-infra/storage/gcs";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type FaultProxy, startFaultProxy } from "../../rigs/fault-proxy.js";
import { startGcsDouble } from "../../rigs/gcs-double.js";

const rig = await startGcsDouble();
const { bucket, endpoint, owner, stranger } = rig;
const open: Storage[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(open.splice(0).map((storage) => storage.close()));
});
afterAll(() => rig.stop());

function storageOf(options: Partial<GcsBackendOptions>): Storage {
  const storage = new Storage(new GcsBackend({ bucket, endpoint, credentials: owner, ...options }));
  open.push(storage);
  return storage;
}

/** The error of a call; nothing in it, however deep, holds a key, a token, an assertion or an account. */
async function failureOf(call: Promise<unknown>): Promise<StorageError> {
  const error = await call.then(
    (value) => new Error(`it gave ${String(value)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof StorageError)) throw error;
  const told = inspect(error, { depth: 10, showHidden: true });
  for (const secret of ["PRIVATE KEY", "ya29", "Bearer", "assertion", "iam.gserviceaccount.com", "eyJ"]) {
    expect(told).not.toContain(secret);
  }
  return error;
}

describe("wrong credentials", () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const foreign = String(privateKey.export({ type: "pkcs8", format: "pem" }));
  const variables = /STORAGE_GCS_CREDENTIALS_PATH or STORAGE_GCS_CREDENTIALS/;
  const path = /STORAGE_GCS_CREDENTIALS_PATH/;

  it.each([
    [
      "a key that Google does not know",
      { credentials: { ...owner, private_key: foreign } },
      "permission_denied",
      variables,
    ],
    ["an account without rights", { credentials: stranger }, "permission_denied", variables],
    ["a key that is none", { credentials: { ...owner, private_key: "secret" } }, "configuration", variables],
    ["a key without an account", { credentials: { private_key: foreign } }, "configuration", variables],
    [
      "text that is no JSON",
      { credentials: "{secret" },
      "configuration",
      /STORAGE_GCS_CREDENTIALS\b(?!_PATH)/,
    ],
    [
      "a file that is not there",
      { credentials: undefined, credentialsPath: "/none.json" },
      "configuration",
      path,
    ],
    [
      "a file of something else",
      { credentials: undefined, credentialsPath: "README.md" },
      "configuration",
      path,
    ],
  ] as const)("%s: the error names the variable", async (_, options, code, message) => {
    const error = await failureOf(storageOf(options).check());
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain("secret");
  });

  it("none at all: the error names the variables", async () => {
    vi.stubEnv("METADATA_SERVER_DETECTION", "none");
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", "");
    vi.stubEnv("HOME", "/nonexistent");
    const error = await failureOf(
      storageOf({ credentials: undefined, endpoint: "https://127.0.0.1:1" }).check(),
    );
    expect(error.code).toBe("configuration");
    expect(error.message).toMatch(variables);
  });

  it("can be set right without another start", async () => {
    const folder = mkdtempSync(join(tmpdir(), "svc-infra-gcs-key-"));
    const credentialsPath = join(folder, "key.json");
    const storage = storageOf({ credentials: undefined, credentialsPath });
    await failureOf(storage.check());
    writeFileSync(credentialsPath, JSON.stringify(owner));
    await storage.check();
    rmSync(folder, { recursive: true });
  });
});

it("a bucket that does not exist is a configuration error that names the variable, to every call", async () => {
  const storage = storageOf({ bucket: "missing" });
  const calls = [
    () => storage.check(),
    () => storage.put("a", "x"),
    () => storage.get("a"),
    () => storage.delete("a"),
    () => storage.exists("a"),
    () => storage.copy("a", "b"),
    () => storage.createUpload("a"),
  ];
  for (const call of calls) {
    const error = await failureOf(call());
    expect([error.code, error.message]).toEqual([
      "configuration",
      expect.stringMatching(/STORAGE_GCS_BUCKET/),
    ]);
  }
  const [failure] = await storage.deleteMany(["a"]);
  expect(failure?.error.code).toBe("configuration");
});

it.each([-7_200_000, 7_200_000])("a clock that differs by %i ms is told as such", async (clockSkewMs) => {
  const skewed = await startGcsDouble({ clockSkewMs });
  const storage = storageOf({ endpoint: skewed.endpoint, credentials: skewed.owner });
  const error = await failureOf(storage.check());
  expect([error.code, error.message]).toEqual(["permission_denied", expect.stringMatching(/clock/)]);
  await skewed.stop();
});

it("signing by IAM without the right for it names the role", async () => {
  const denied = await startGcsDouble();
  vi.stubEnv("GCE_METADATA_HOST", new URL(denied.endpoint).host);
  vi.stubEnv("METADATA_SERVER_DETECTION", "assume-present");
  vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", "");
  // Another project's IAM does not know the account.
  const keyless = storageOf({ endpoint: denied.endpoint, credentials: undefined, iamEndpoint: endpoint });
  const error = await failureOf(keyless.getUrl("a"));
  expect(error.code).toBe("permission_denied");
  await denied.stop();
});

describe("on the way", () => {
  let proxy: FaultProxy;
  let storage: Storage;

  beforeEach(async () => {
    proxy = await startFaultProxy(endpoint);
    storage = storageOf({ endpoint: proxy.endpoint });
    await storage.put("there", "content");
  });
  afterEach(() => proxy.stop());

  const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["put", () => storage.put("a", "x")],
    ["put of a stream", () => storage.put("a", pieces(9 * 1_048_576))],
    ["delete", () => storage.delete("there")],
    ["list", () => storage.list()],
    ["copy", () => storage.copy("there", "b")],
    ["exists", () => storage.exists("there")],
  ];

  it.each(calls)("429 to %s is rate_limited, with the time to wait", async (_, call) => {
    proxy.plan.next({ kind: "answer", status: 429, headers: { "retry-after": "11" }, body: "{}" });
    expect(await failureOf(call())).toMatchObject({ code: "rate_limited", retryAfterMs: 11_000 });
  });

  it.each(calls)("503 to %s is unavailable", async (_, call) => {
    proxy.plan.mix(1, () => ({ kind: "answer", status: 503, body: "<html>secret</html>" }));
    const error = await failureOf(call());
    expect(error.code).toBe("unavailable");
    expect(error.message).not.toContain("secret");
  });

  it.each(calls)(
    "a connection that is reset before %s or instead of its answer is unavailable",
    async (_, call) => {
      for (const kind of ["refuse", "loseAnswer"] as const) {
        proxy.plan.mix(1, () => ({ kind }));
        expect((await failureOf(call())).code).toBe("unavailable");
      }
    },
  );

  it("the time to wait may be a date", async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    proxy.plan.next({ kind: "answer", status: 503, headers: { "retry-after": date }, body: "{}" });
    const { retryAfterMs = 0 } = await failureOf(storage.list());
    expect(retryAfterMs).toBeGreaterThan(3_000_000);
    expect(retryAfterMs).toBeLessThanOrEqual(3_600_000);
  });

  it("403 of a rate limit is rate_limited", async () => {
    const body = JSON.stringify({ error: { code: 403, errors: [{ reason: "userRateLimitExceeded" }] } });
    proxy.plan.next({ kind: "answer", status: 403, body });
    expect((await failureOf(storage.list())).code).toBe("rate_limited");
  });

  it("content of a read that is cut off is unavailable, and a retry resumes it", async () => {
    const bytes = Buffer.alloc(3_000_000, "0123456789");
    await storage.put("large", bytes);
    let cuts = 4;
    proxy.plan.mix(1, (_, { url = "" }) =>
      url.includes("alt=media") && cuts-- > 0 ? { kind: "cutDown", share: 0.5 } : undefined,
    );
    expect((await failureOf(storage.get("large"))).code).toBe("unavailable");
    const patient = storage.with(retry({ attempts: 5, baseDelayMs: 1, maxDelayMs: 1 }));
    expect(Buffer.compare(Buffer.from(await patient.get("large")), bytes)).toBe(0);
    expect(cuts).toBeLessThan(0);
  });

  it("a read whose content was damaged is corrupt", async () => {
    proxy.plan.mix(1, (_, { url = "" }) =>
      url.includes("alt=media") ? { kind: "corrupt", share: 0.5 } : undefined,
    );
    expect((await failureOf(storage.get("there"))).code).toBe("corrupt");
  });

  it("an address without a server is unavailable and names the endpoint's variable", async () => {
    const { endpoint: gone } = proxy;
    await proxy.stop();
    const error = await failureOf(storageOf({ endpoint: gone }).check());
    expect([error.code, error.message]).toEqual([
      "unavailable",
      expect.stringMatching(/STORAGE_GCS_ENDPOINT/),
    ]);
  });

  it("a token service that fails is unavailable or rate_limited, and is asked once by one call", async () => {
    const credentials = { ...owner, token_uri: `${proxy.endpoint}/token` };
    for (const [status, code] of [
      [503, "unavailable"],
      [429, "rate_limited"],
    ] as const) {
      proxy.visits.length = 0;
      proxy.plan.next({ kind: "answer", status, body: "{}" });
      expect((await failureOf(storageOf({ credentials }).check())).code).toBe(code);
      expect(proxy.visits.filter(({ target }) => target === "/token")).toHaveLength(1);
    }
    proxy.plan.next({ kind: "refuse" });
    expect((await failureOf(storageOf({ credentials }).check())).code).toBe("unavailable");
  });

  it("an answer that is not Google's is unavailable and names the endpoint's variable", async () => {
    proxy.plan.next({ kind: "answer", status: 200, body: "<html>captive portal</html>" });
    const error = await failureOf(storage.list());
    expect([error.code, error.message]).toEqual([
      "unavailable",
      expect.stringMatching(/STORAGE_GCS_ENDPOINT/),
    ]);
  });
});

async function* pieces(bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += 65_536) yield Buffer.alloc(Math.min(65_536, bytes - at), "x");
}
