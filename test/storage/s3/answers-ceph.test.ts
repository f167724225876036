import { parseKey, Storage } from "svc-infra/storage";
import { S3Backend } from "svc-infra/storage/s3";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sampleBytes } from "#dist/storage/conformance/samples.js";
import { BufferedBody } from "#dist/storage/content/body.js";
import { startCeph } from "../../rigs/ceph.js";
import { type FaultProxy, startFaultProxy } from "../../rigs/fault-proxy.js";
import { s3Options } from "../../rigs/s3-options.js";
import type { S3Rig } from "../../rigs/s3-rig.js";

let rig: S3Rig;
let proxy: FaultProxy;
let storage: Storage;

beforeAll(async () => {
  rig = await startCeph();
  proxy = await startFaultProxy(rig.endpoint);
  storage = new Storage(new S3Backend(s3Options(rig, proxy.endpoint)));
});

afterEach(() => proxy.plan.clear());

afterAll(async () => {
  await storage.close();
  await proxy.stop();
  await rig.stop();
});

function error(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>m</Message></Error>`;
}

/** Answers the completion of uploads in parts. */
function answerCompletions(fault: { kind: "answer"; status: number; body: string } | { kind: "loseAnswer" }) {
  proxy.plan.mix(1, (_random, { method, url }) =>
    method === "POST" && url?.includes("uploadId=") ? fault : undefined,
  );
}

it.each([
  [301, { "x-amz-bucket-region": "eu-west-1" }, ""],
  [400, {}, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>"],
  [307, { "x-amz-bucket-region": "eu-west-2" }, error("TemporaryRedirect")],
])(
  "%i with a region: the call is signed for that region, and every one after it",
  async (status, headers, body) => {
    const own = new Storage(new S3Backend(s3Options(rig, proxy.endpoint)));
    proxy.plan.next({ kind: "answer", status, headers, body });
    await own.put("redirected", "content");
    expect(await own.getUrl("redirected")).toMatch(/X-Amz-Credential=[^&]*eu-west-\d/);
    expect(Buffer.from(await own.get("redirected")).toString()).toBe("content");
    await own.close();
  },
);

it("calls that are made at once are all sent on to the bucket's region", async () => {
  const own = new Storage(new S3Backend(s3Options(rig, proxy.endpoint)));
  const redirect = {
    kind: "answer",
    status: 301,
    headers: { "x-amz-bucket-region": "eu-west-1" },
    body: "",
  } as const;
  proxy.plan.mix(1, (_random, { headers }) =>
    headers.authorization?.includes("/eu-west-1/") ? undefined : redirect,
  );
  const keys = ["once/a", "once/b", "once/c", "once/d"];
  await Promise.all(keys.map((key) => own.put(key, "content")));
  expect(await own.listKeys({ prefix: "once/" })).toEqual(keys);
  await own.close();
});

it("301 without a region names the variable", async () => {
  proxy.plan.next({ kind: "answer", status: 301, body: error("PermanentRedirect") });
  await expect(storage.get("any")).rejects.toMatchObject({
    code: "configuration",
    message: expect.stringContaining("STORAGE_S3_REGION"),
  });
});

it.each([301, 302, 307, 308])(
  "%i that says nothing more, as an answer to HEAD cannot, names the variables",
  async (status) => {
    proxy.plan.next({
      kind: "answer",
      status,
      headers: { location: "https://elsewhere.example/" },
      body: "",
    });
    await expect(storage.exists("any")).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringMatching(/STORAGE_S3_ENDPOINT.*STORAGE_S3_REGION/),
    });
  },
);

it.each([
  ["503 SlowDown", 503, error("SlowDown")],
  ["429", 429, ""],
])("%s is rate_limited, with the wait that the service asks for", async (_what, status, body) => {
  proxy.plan.next({ kind: "answer", status, headers: { "retry-after": "7" }, body });
  await expect(storage.put("any", "content")).rejects.toMatchObject({
    code: "rate_limited",
    retryAfterMs: 7000,
  });
});

it("a completion that is answered 200 and then says that it failed has failed, and leaves nothing", async () => {
  answerCompletions({ kind: "answer", status: 200, body: error("InternalError") });
  await expect(storage.put("late", sampleBytes(9_000_000))).rejects.toMatchObject({ code: "unavailable" });
  proxy.plan.clear();
  expect(await storage.exists("late")).toBe(false);
});

it("a copy that is answered 200 and then says that it failed has failed", async () => {
  await storage.put("from", "content");
  proxy.plan.mix(1, (_random, { method }) =>
    method === "PUT" ? { kind: "answer", status: 200, body: error("SlowDown") } : undefined,
  );
  await expect(storage.copy("from", "to")).rejects.toMatchObject({ code: "rate_limited" });
});

it("a completion whose answer is lost is told from one that was not done by the object itself", async () => {
  answerCompletions({ kind: "loseAnswer" });
  const bytes = sampleBytes(9_000_000);
  await storage.put("lost", bytes);
  proxy.plan.clear();
  expect(Buffer.compare(await storage.get("lost"), bytes)).toBe(0);
});

const other = { etag: '"other"', "x-amz-meta-svc-infra": "1.anotherWritersId..", "content-length": "7" };

describe("what a large put resolves to is what it wrote, even when the service then", () => {
  it.each([
    ["shows no object", 404, {}],
    ["does not let it be looked at", 403, {}],
    ["has another writer's version", 200, other],
  ])("%s", async (_what, status, headers) => {
    proxy.plan.mix(1, (_random, { method }) =>
      method === "HEAD" ? { kind: "answer", status, headers, body: "" } : undefined,
    );
    const options = { contentType: "text/plain", metadata: { a: "b" } };
    const stored = await storage.put("made", sampleBytes(9_000_000), options);
    proxy.plan.clear();
    const { lastModified: _, etag, ...details } = await storage.getMetadata("made");
    expect(stored).toMatchObject(details);
    // Ceph's answer to a completion leaves out the first half: such an ETag matches nothing, rather than another's version.
    expect(etag.endsWith(stored.etag)).toBe(true);
  });
});

it.each([
  ["cannot be looked at", 404, {}],
  ["was replaced at once, and would be told as another's version", 200, other],
])(
  "a completion that is done and %s is told neither as done nor as refused",
  async (_what, status, headers) => {
    const backend = new S3Backend(s3Options(rig, proxy.endpoint));
    const key = parseKey("parts");
    const calm = { signal: undefined };
    const rules = { maxBytes: 100, size: undefined, checksum: undefined };
    const description = { contentType: "text/plain", filename: undefined, metadata: {} };
    const id = await backend.createUpload(key, { ...description, ...calm });
    const part = await backend.writePart(key, id, 1, new BufferedBody(Buffer.from("content"), rules), calm);
    proxy.plan.mix(1, (_random, { method }) =>
      method === "HEAD" ? { kind: "answer", status, headers, body: "" } : undefined,
    );
    const failure = await backend
      .completeUpload(key, id, [part], { ...calm, ifAbsent: false, ifMatch: undefined })
      .catch((error: unknown) => backend.classify(error));
    proxy.plan.clear();
    expect(failure).toMatchObject({ code: "unavailable" });
    expect(failure).not.toHaveProperty("applied");
    expect(Buffer.from(await storage.get("parts")).toString()).toBe("content");
    await backend.close();
  },
);
