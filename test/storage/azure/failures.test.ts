import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { inspect } from "node:util";
import { BlobServiceClient } from "@azure/storage-blob";
import { type Key, Storage, StorageError, type StorageErrorCode } from "svc-infra/storage";
import { AzureBackend } from "svc-infra/storage/azure";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { stagingRoot } from "#dist/storage/contract/key.js";
import { type AzuriteRig, startAzurite } from "../../rigs/azurite.js";
import { freshWire } from "./fresh-wire.js";

let rig: AzuriteRig;
beforeAll(async () => {
  rig = await startAzurite();
});
afterAll(() => rig?.stop());

const key = "above/secret-key.png";
const calls: readonly (readonly [string, (storage: Storage) => Promise<unknown>])[] = [
  ["put", (storage) => storage.put(key, "content")],
  ["get", (storage) => storage.get(key)],
  ["getMetadata", (storage) => storage.getMetadata(key)],
  ["delete", (storage) => storage.delete(key)],
  ["copy", (storage) => storage.copy(key, "above/to")],
  ["list", (storage) => storage.list()],
  ["createUpload", (storage) => storage.createUpload(key)],
  ["check", (storage) => storage.check()],
];

async function failureOf(call: Promise<unknown>): Promise<StorageError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof StorageError) return error;
  throw new Error(`it did not fail as it should: ${String(error)}`);
}

/** The code is right, and the message is ours: it names what to look at, and nothing that the service or the SDK wrote. */
function check(
  error: StorageError,
  code: StorageErrorCode,
  words: RegExp,
  accountKey = rig.accountKey,
): void {
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(words)]);
  expect(error.message).not.toMatch(/RestError|RequestId|Server failed|<Error>|provider's own/);
  const shown = inspect(error, { depth: 10, showHidden: true });
  for (const secret of [accountKey, "SharedKey ", "sig="]) expect(shown).not.toContain(secret);
  expect(inspect(error.cause, { depth: 10 })).not.toContain("secret-key");
}

describe.each(calls)("%s", (_name, call) => {
  it("with a wrong key is permission_denied and names the variables", async () => {
    const accountKey = Buffer.from("another key").toString("base64");
    const { account, endpoint } = rig;
    const backend = new AzureBackend({ container: "svc-infra", account, accountKey, endpoint });
    const error = await failureOf(call(new Storage(backend)));
    check(
      error,
      "permission_denied",
      /STORAGE_AZURE_ACCOUNT_KEY, or STORAGE_AZURE_CONNECTION_STRING/,
      accountKey,
    );
  });

  it("of a missing container is a configuration error that names its variable", async () => {
    const storage = new Storage(
      new AzureBackend({ connectionString: rig.connectionString, container: "missing" }),
    );
    check(await failureOf(call(storage)), "configuration", /STORAGE_AZURE_CONTAINER/);
  });

  it("on a machine whose clock is wrong says so", async () => {
    const { storage } = await answering(403, "AuthenticationFailed", {
      date: "Fri, 01 Jan 2010 00:00:00 GMT",
    });
    check(await failureOf(call(storage)), "permission_denied", /clock/);
  });

  it("of a service that is busy is rate_limited and says how long to wait", async () => {
    for (const [status, code] of [
      [503, "ServerBusy"],
      [429, "TooManyRequests"],
    ] as const) {
      const { storage, backend } = await answering(status, code, { "retry-after": "7" });
      const error = await failureOf(call(storage));
      check(error, "rate_limited", /slow down/);
      expect(error.retryAfterMs).toBe(7000);
      expect(backend.classify(error.cause).applied).toBe(false);
    }
  });

  it("of a service that fails is unavailable, and whether it was done is not known", async () => {
    for (const [status, code] of [
      [500, "InternalError"],
      [500, "OperationTimedOut"],
      [503, ""],
      [502, ""],
    ] as const) {
      const { storage, backend } = await answering(status, code);
      const error = await failureOf(call(storage));
      check(error, "unavailable", /not available/);
      expect(backend.classify(error.cause).applied).toBeUndefined();
    }
  });

  it("over a connection that is reset is unavailable", async () => {
    for (const kind of ["refuse", "loseAnswer"] as const) {
      const { storage, proxy } = await freshWire(rig);
      proxy.plan.mix(1, () => ({ kind }));
      const error = await failureOf(call(storage));
      check(error, "unavailable", /connection broke/);
    }
  });

  it("to a port without a server is unavailable, names the variable, and nothing was done", async () => {
    const { storage, proxy, backend } = await freshWire(rig);
    await proxy.stop();
    const error = await failureOf(call(storage));
    check(error, "unavailable", /STORAGE_AZURE_ENDPOINT/);
    expect(backend.classify(error.cause).applied).toBe(false);
    await proxy.start();
  });

  it("of an account without a host is unavailable and names the variables", async () => {
    const { account, accountKey } = rig;
    const endpoint = "http://no-such-account.blob.invalid";
    const storage = new Storage(new AzureBackend({ container: "svc-infra", account, accountKey, endpoint }));
    check(await failureOf(call(storage)), "unavailable", /STORAGE_AZURE_ACCOUNT and STORAGE_AZURE_ENDPOINT/);
  });
});

describe("what Azure answers and the emulator does not", () => {
  it.each([
    [401, "InvalidAuthenticationInfo", "permission_denied", /AZURE_TENANT_ID/],
    [403, "AuthorizationPermissionMismatch", "permission_denied", /Storage Blob Data Contributor/],
    [403, "AuthorizationFailure", "permission_denied", /STORAGE_AZURE_ACCOUNT/],
    [403, "AccountIsDisabled", "configuration", /STORAGE_AZURE_ACCOUNT/],
    [409, "ContainerBeingDeleted", "configuration", /STORAGE_AZURE_CONTAINER/],
    [409, "BlobArchived", "unsupported", /rehydrated/],
    [409, "BlobImmutableDueToPolicy", "permission_denied", /policy/],
    [412, "LeaseIdMissing", "permission_denied", /lease/],
    [400, "InvalidResourceName", "invalid_key", /not valid/],
    [400, "MetadataTooLarge", "invalid_argument", /metadata/],
    [409, "BlockCountExceedsLimit", "too_large", /too large/],
    [418, "NobodyKnowsThis", "unknown", /unrecognised error/],
  ] as const)("%d %s", async (status, code, expected, words) => {
    const { storage } = await answering(status, code);
    check(await failureOf(storage.put(key, "content")), expected, words);
  });
});

it("a removal of many that is aborted while the service does not answer the batch is aborted at once", async () => {
  const { backend, proxy } = await freshWire(rig);
  const controller = new AbortController();
  proxy.plan.mix(1, () => ({ kind: "hang" }));
  const removing = backend.removeMany(["a" as Key], { signal: controller.signal });
  await expect.poll(() => proxy.visits.map(({ method }) => method)).toEqual(["POST"]);
  controller.abort();
  await expect(removing).rejects.toMatchObject({ name: "AbortError" });
  await expect.poll(() => proxy.busy).toEqual([]);
});

it("a removal of many that is aborted while a lease is broken is aborted, and no failure of keys", async () => {
  const { backend, proxy } = await freshWire(rig);
  const key = `${stagingRoot}leased` as Key;
  const container = BlobServiceClient.fromConnectionString(rig.connectionString).getContainerClient(
    "svc-infra",
  );
  const blob = container.getBlockBlobClient(key);
  await blob.upload("x", 1);
  await blob.getBlobLeaseClient("00000000-0000-0000-0000-000000000001").acquireLease(-1);
  const controller = new AbortController();
  proxy.plan.mix(1, (_, { method }) => (method === "DELETE" ? { kind: "hang" } : undefined));
  const removing = backend.removeMany([key], { signal: controller.signal });
  await expect.poll(() => proxy.visits.map(({ method }) => method)).toEqual(["POST", "DELETE"]);
  controller.abort();
  await expect(removing).rejects.toMatchObject({ name: "AbortError" });
});

/** A service that answers everything in the documented form of an error. */
async function answering(status: number, code: string, headers: Record<string, string> = {}) {
  const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>the provider's own words
RequestId:e2b0</Message></Error>`;
  const { endpoint } = await serving((request, response) => {
    request.resume();
    const own = code === "" ? {} : { "x-ms-error-code": code, "content-type": "application/xml" };
    response.writeHead(status, { ...own, "x-ms-request-id": "e2b0", ...headers });
    response.end(request.method === "HEAD" || code === "" ? "" : body);
  });
  const { account, accountKey } = rig;
  const backend = new AzureBackend({ container: "svc-infra", account, accountKey, endpoint });
  return { backend, storage: new Storage(backend) };
}

async function serving(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ readonly endpoint: string }> {
  const server: Server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { endpoint: `http://127.0.0.1:${port}/${rig.account}` };
}
