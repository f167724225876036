import { Readable } from "node:stream";
import { gunzipSync, gzipSync } from "node:zlib";
import Fastify from "fastify";
import { addStorage } from "svc-infra";
import { RetryBudget, retry, Storage, timeout } from "svc-infra/storage";
import { S3Backend, type S3BackendOptions } from "svc-infra/storage/s3";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  documentOf,
  headersOf,
  listOf,
  type S3DoubleRequest,
  type S3Operation,
  type S3Quirk,
  startS3Double,
} from "../rigs/s3-double.js";

const slowDown = "<Error><Code>SlowDown</Code></Error>";
const noSuchUpload = "<Error><Code>NoSuchUpload</Code></Error>";
const megabyte = 1_048_576;

async function storageWith(quirk?: S3Quirk, options: Partial<S3BackendOptions> = {}) {
  const double = await startS3Double(quirk);
  const storage = new Storage(new S3Backend({ ...double.options, ...options }));
  onTestFinished(() => storage.close());
  return { ...double, storage };
}

/** The first requests of an operation are answered with this. */
function failing(operation: S3Operation, status: number, body: string, times = 1): S3Quirk {
  let left = times;
  return (request) => request.operation === operation && left-- > 0 && request.answer(status, {}, body);
}

/** The object `huge` is told to be so large that it is copied in parts. */
const copiedInParts: S3Quirk = ({ operation, key, answer }, object) =>
  operation === "head" &&
  key === "huge" &&
  object !== undefined &&
  answer(200, { ...headersOf(object), "content-length": 6 * 1024 * megabyte });

function streamOf(bytes: number): Readable {
  const pieces = function* () {
    for (let at = 0; at < bytes; at += 100_000) yield Buffer.alloc(Math.min(100_000, bytes - at), 7);
  };
  return Readable.from(pieces(), { objectMode: false });
}

describe("an answer of 200 that is not the document of its operation is a failure", () => {
  const answers = {
    "a page": "<html><body>sign in</body></html>",
    nothing: "",
    blanks: "  \n",
    "a cut document": '<?xml version="1.0"?><CopyObjectResult><ETag>"a"</ETag>',
    "an error": "<Error><Code>InternalError</Code></Error>",
    "another document": "<SomeResult><ETag>a</ETag></SomeResult>",
  };
  const works: Partial<Record<S3Operation, (storage: Storage) => Promise<unknown>>> = {
    copy: (storage) => storage.copy("a", "b"),
    list: (storage) => storage.listKeys(),
    begin: (storage) => storage.put("b", streamOf(9 * megabyte)),
    complete: (storage) => storage.put("b", Buffer.alloc(9 * megabyte)),
    removeMany: (storage) => storage.deleteMany(["a"]).then(([failure]) => Promise.reject(failure?.error)),
    put: (storage) => storage.put("b", "x"),
    part: (storage) => storage.put("b", streamOf(9 * megabyte)),
    remove: (storage) => storage.delete("a"),
    head: (storage) => storage.getMetadata("a"),
    listParts: async (storage) => (await storage.createUpload("b")).listParts(),
    listUploads: (storage) => storage.sweep({ dryRun: true }),
    copyPart: (storage) => storage.copy("huge", "b"),
  };
  for (const [operation, work] of Object.entries(works)) {
    for (const [name, text] of Object.entries(answers)) {
      // What removes is answered with nothing, and HEAD never with a body.
      if (text === "" && operation === "remove") continue;
      it(`${operation}, answered with ${name}`, async () => {
        let isOdd = false;
        const quirk: S3Quirk = (request, object) =>
          (isOdd && request.operation === operation && request.answer(200, {}, text)) ||
          copiedInParts(request, object);
        const { storage, objects } = await storageWith(quirk);
        await storage.put("a", "precious");
        await storage.put("huge", "x");
        isOdd = true;
        await expect(work(storage)).rejects.toMatchObject({ code: "unavailable" });
        expect(objects.get("b")?.body.toString()).not.toBe("precious");
      });
    }
  }

  it.each(["", "<Key>other</Key>"])(
    "an entry of deleteMany that failed and names no key of the call: '%s'",
    async (name) => {
      const entry = `<Error>${name}<Code>AccessDenied</Code></Error>`;
      const { storage } = await storageWith(failing("removeMany", 200, documentOf("DeleteResult", entry)));
      const removed = storage.deleteMany(["a"]).then(([failure]) => Promise.reject(failure?.error));
      await expect(removed).rejects.toMatchObject({ code: "unavailable" });
    },
  );

  it("a move keeps its source", async () => {
    const { storage, objects } = await storageWith(failing("copy", 200, answers["a page"], 9));
    await storage.put("a", "precious");
    await expect(storage.move("a", "b")).rejects.toMatchObject({ code: "unavailable" });
    expect(objects.has("a")).toBe(true);
  });

  it("a check fails", async () => {
    const { storage } = await storageWith(failing("list", 200, answers["a page"], 9));
    await expect(storage.check()).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("a listing that cannot be continued is an error after one look", () => {
  const names = Array.from({ length: 25 }, (_, index) => [`k${String(index).padStart(2, "0")}`, 1] as const);
  const more = "<IsTruncated>true</IsTruncated>";
  const tokenOf = (token: string) => `${more}<NextContinuationToken>${token}</NextContinuationToken>`;
  let count = 0;
  const quirks: Readonly<Record<string, () => string>> = {
    "without a token": () => listOf(names.slice(0, 10), more),
    "with an empty token": () => listOf(names.slice(0, 10), tokenOf("")),
    "with the same token again": () => listOf([], tokenOf("same")),
    "with two tokens in turn": () => listOf([], tokenOf(`t${count++ % 2}`)),
    "with a page that is repeated": () => listOf(names.slice(0, 10), tokenOf(`t${count++}`)),
    "with a page of names that are no keys, repeated": () => listOf([["a b", 1]], tokenOf(`t${count++}`)),
    "with an entry without a size": () => listOf(names).replace("<Size>1</Size>", ""),
    "with an entry whose size is no number": () => listOf(names).replace("<Size>1<", "<Size>x<"),
    "with an entry without a date": () => listOf(names).replace(/<LastModified>.*?<\/LastModified>/, ""),
  };
  for (const [name, answer] of Object.entries(quirks)) {
    it(name, async () => {
      const quirk: S3Quirk = (request) => request.operation === "list" && request.answer(200, {}, answer());
      const { storage, requests } = await storageWith(quirk);
      const listed = allOf(storage.listAllKeys());
      await expect(listed).rejects.toMatchObject({ code: "unavailable" });
      expect(requests.length).toBeLessThan(4);
    });
  }

  it("a service that begins with the last name again is understood", async () => {
    const quirk: S3Quirk = ({ operation, query, answer }) => {
      if (operation !== "list") return false;
      const after = query.get("start-after") ?? query.get("continuation-token") ?? "";
      const rest = names.filter(([each]) => each >= after).slice(0, 10);
      const isLast = rest.at(-1)?.[0] === "k24";
      return answer(200, {}, listOf(rest, isLast ? "" : tokenOf(rest.at(-1)?.[0] ?? "")));
    };
    const { storage } = await storageWith(quirk);
    const first = await storage.listKeys({ limit: 10 });
    expect(first).toHaveLength(10);
  });
});

describe("a listing of an upload's parts, or of all uploads, that cannot be continued is an error after one look", () => {
  const part = "<Part><PartNumber>1</PartNumber><Size>1</Size><ETag>a</ETag></Part>";
  const upload =
    "<Upload><Key>a</Key><UploadId>u</UploadId><Initiated>2024-01-01T00:00:00Z</Initiated></Upload>";
  const more = "<IsTruncated>true</IsTruncated>";
  const parts = async (storage: Storage) => (await storage.createUpload("b")).listParts();
  const uploads = (storage: Storage) => storage.sweep({ dryRun: true });
  it.each([
    ["parts that come again", "listParts", part + more, parts],
    ["more parts, and none of them", "listParts", more, parts],
    ["a part without a number", "listParts", "<Part><Size>1</Size></Part>", parts],
    ["a part without a size", "listParts", "<Part><PartNumber>1</PartNumber></Part>", parts],
    ["uploads without a marker", "listUploads", upload + more, uploads],
    ["uploads that come again", "listUploads", `${upload}${more}<NextKeyMarker>a</NextKeyMarker>`, uploads],
  ] as const)("%s", async (_name, operation, content, work) => {
    const root = operation === "listParts" ? "ListPartsResult" : "ListMultipartUploadsResult";
    const quirk: S3Quirk = (request) =>
      request.operation === operation && request.answer(200, {}, documentOf(root, content));
    const { storage, requests } = await storageWith(quirk);
    await expect(work(storage)).rejects.toMatchObject({ code: "unavailable" });
    expect(requests.filter((request) => request.operation === operation).length).toBeLessThan(4);
  });
});

it("markers of uploads that come in turn are a failure, not a loop", async () => {
  let looks = 0;
  const quirk: S3Quirk = ({ operation, answer }) => {
    if (operation !== "listUploads") return false;
    if (++looks > 50) return answer(200, {}, documentOf("ListMultipartUploadsResult", ""));
    const content = `<IsTruncated>true</IsTruncated><NextKeyMarker>${looks % 2}</NextKeyMarker>`;
    return answer(200, {}, documentOf("ListMultipartUploadsResult", content));
  };
  const { storage } = await storageWith(quirk);
  await expect(storage.sweep({ dryRun: true })).rejects.toMatchObject({ code: "unavailable" });
  expect(looks).toBe(3);
});

describe("what is still in memory is sent again", () => {
  const failures = [
    ["a part", "part", 40_000_000],
    ["the start of an upload", "begin", 40_000_000],
    ["a short stream", "put", 1_000_000],
    ["the list of the parts", "complete", 40_000_000],
  ] as const;
  for (const [name, operation, size] of failures) {
    it(name, async () => {
      const { storage, objects } = await storageWith(failing(operation, 503, slowDown, 2));
      await storage.put("a", streamOf(size));
      expect(objects.get("a")?.body.length).toBe(size);
    });
  }

  it("a part of an upload by hand, whose size was not known", async () => {
    const { storage, objects } = await storageWith(failing("part", 503, slowDown, 2));
    const upload = await storage.createUpload("a");
    await upload.writePart(1, streamOf(6 * megabyte));
    await upload.complete();
    expect(objects.get("a")?.body.length).toBe(6 * megabyte);
  });

  const internalError = "<Error><Code>InternalError</Code></Error>";

  it("the list of the parts also after a failure in doubt, but under no condition", async () => {
    const { storage, objects, requests } = await storageWith(failing("complete", 200, internalError, 2));
    const doubtful = storage.put("a", streamOf(9 * megabyte), { ifAbsent: true });
    await expect(doubtful).rejects.toMatchObject({ code: "unavailable" });
    expect(requests.filter(({ operation }) => operation === "complete")).toHaveLength(1);
    await storage.put("a", streamOf(9 * megabyte));
    expect(objects.get("a")?.body.length).toBe(9 * megabyte);
  });

  it("by the retry layer alone where its source can be read again", async () => {
    const { storage, requests } = await storageWith(failing("put", 503, slowDown, 99));
    const patient = storage.with(retry({ baseDelayMs: 1 }), timeout(5000));
    const refused = patient.put("a", Buffer.alloc(2 * megabyte));
    await expect(refused).rejects.toMatchObject({ code: "rate_limited" });
    expect(requests).toHaveLength(4);
  });

  it.each([internalError, "<Error><Code>ServiceUnavailable</Code></Error>"])(
    "an upload that is gone when its list comes again after %s was made by the first one, where the object says so",
    async (doubtful) => {
      let mark: string | undefined;
      const refusals = [doubtful, noSuchUpload];
      const { storage, objects } = await storageWith(({ operation, key, headers, answer }) => {
        if (operation === "begin") mark = String(headers["x-amz-meta-svc-infra"]);
        if (operation !== "complete") return false;
        const isLate = refusals.length === 1;
        const made = { body: Buffer.alloc(9 * megabyte), headers: { "x-amz-meta-svc-infra": mark } };
        if (isLate) objects.set(key, made);
        return answer(isLate ? 404 : 500, {}, refusals.shift());
      });
      expect(await storage.put("a", streamOf(9 * megabyte))).toMatchObject({ size: 9 * megabyte });
    },
  );

  it("a short stream under a condition only when nothing was written", async () => {
    const applied = await storageWith(failing("put", 500, internalError));
    const doubtful = applied.storage.put("a", streamOf(1000), { ifAbsent: true });
    await expect(doubtful).rejects.toMatchObject({ code: "unavailable" });
    const refused = await storageWith(failing("put", 503, slowDown));
    expect(await refused.storage.put("a", streamOf(1000), { ifAbsent: true })).toMatchObject({ size: 1000 });
  });
});

describe("a conflict says that nothing was written", () => {
  for (const code of ["ConditionalRequestConflict", "OperationAborted"]) {
    it(`${code} is retried under a condition`, async () => {
      const { storage } = await storageWith(failing("put", 409, `<Error><Code>${code}</Code></Error>`));
      const patient = storage.with(retry({ baseDelayMs: 1, budget: new RetryBudget(100) }));
      expect(await patient.put("a", "x", { ifAbsent: true })).toMatchObject({ size: 1 });
    });
  }

  const conflict = "<Error><Code>ConditionalRequestConflict</Code></Error>";
  /** The request that joins meets a conflict, and then its upload is gone, as AWS has it. */
  const conflictingOnce = (): S3Quirk => {
    let gone: string | null = null;
    return ({ operation, query, answer }) => {
      const id = query.get("uploadId");
      if (id !== null && id === gone && operation !== "abort") return answer(404, {}, noSuchUpload);
      if (operation !== "complete" || gone !== null) return false;
      gone = id;
      return answer(409, {}, conflict);
    };
  };
  const joins = (requests: readonly S3DoubleRequest[]) =>
    requests.filter(({ operation }) => operation === "complete").map(({ query }) => query.get("uploadId"));

  it("also of parts, which then go in a new upload", async () => {
    const { storage, requests } = await storageWith(conflictingOnce());
    const patient = storage.with(retry({ baseDelayMs: 1 }));
    const content = Buffer.alloc(9 * megabyte);
    expect(await patient.put("a", content, { ifAbsent: true })).toMatchObject({ size: content.length });
    expect(joins(requests)).toEqual(["upload-0", "upload-1"]);
  });

  it("also of parts of a stream, which is not read again", async () => {
    const { storage, requests } = await storageWith(conflictingOnce());
    const refused = storage
      .with(retry({ baseDelayMs: 1 }))
      .put("a", streamOf(9 * megabyte), { ifAbsent: true });
    await expect(refused).rejects.toMatchObject({ code: "unavailable" });
    expect(joins(requests)).toEqual(["upload-0"]);
  });

  it("also of an upload by hand, which the caller begins anew when it is gone", async () => {
    const { storage, requests, objects } = await storageWith(conflictingOnce());
    const upload = await storage.with(retry({ baseDelayMs: 1 })).createUpload("a");
    await upload.writePart(1, Buffer.alloc(6 * megabyte));
    await expect(upload.complete({ ifAbsent: true })).rejects.toMatchObject({ code: "not_found" });
    expect([joins(requests), objects.has("a")]).toEqual([["upload-0"], false]);
  });
});

describe("a service that works for long and shows that it works is not taken for dead", () => {
  const timeoutMs = 800;
  const patient = (storage: Storage) => storage.with(timeout(timeoutMs));

  it("by white space ahead of the answer to a join", async () => {
    const joined = documentOf("CompleteMultipartUploadResult", "<ETag>a-2</ETag>");
    const { storage, requests } = await storageWith(
      ({ operation, answerLate }) => operation === "complete" && answerLate(3 * timeoutMs, joined),
    );
    const bytes = 9 * megabyte;
    expect(await patient(storage).put("a", Buffer.alloc(bytes))).toMatchObject({ size: bytes });
    expect(requests.filter(({ operation }) => operation === "abort")).toEqual([]);
  });

  it("by white space ahead of the answer to a copy", async () => {
    const copied = documentOf("CopyObjectResult", "<ETag>a</ETag>");
    const { storage } = await storageWith(
      ({ operation, answerLate }) => operation === "copy" && answerLate(3 * timeoutMs, copied),
    );
    await storage.put("a", "hello");
    expect(await patient(storage).copy("a", "b")).toMatchObject({ size: 5 });
  });

  it("by the answers to parts that it copies", async () => {
    const copied = documentOf("CopyPartResult", "<ETag>a</ETag>");
    const quirk: S3Quirk = (request, object) => {
      if (request.operation !== "copyPart") return copiedInParts(request, object);
      setTimeout(() => request.answer(200, {}, copied), timeoutMs / 2);
      return true;
    };
    const { storage, objects } = await storageWith(quirk);
    await storage.put("huge", "x");
    await patient(storage).copy("huge", "b");
    expect(objects.has("b")).toBe(true);
  });
});

describe("what was or may have been written is not told as surely not written", () => {
  it.each([
    [404, ""],
    [429, slowDown],
  ])("a copy of which the right version cannot be seen, for a %i", async (status, body) => {
    let isCopied = false;
    const quirk: S3Quirk = ({ operation, key, answer }) => {
      // Another writer replaces the source while the service copies it.
      if (operation === "copy") {
        const replaced = { body: Buffer.from("another"), headers: {} };
        objects.set("a", replaced).set(key, replaced);
        isCopied = true;
        return answer(
          200,
          {},
          documentOf("CopyObjectResult", '<ETag>"b32d73e56ec99bc5ec8f83871cde708a"</ETag>'),
        );
      }
      return isCopied && operation === "head" && key === "a" && answer(status, {}, body);
    };
    const { storage, requests, objects } = await storageWith(quirk, { provider: "r2" });
    await storage.put("a", "content");
    const patient = storage.with(retry({ baseDelayMs: 1 }));
    const error = await patient.copy("a", "b", { ifAbsent: true }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "unavailable" });
    expect(storage.backend.classify(Object(error).cause).applied).toBeUndefined();
    expect(requests.filter(({ operation }) => operation === "copy")).toHaveLength(1);
  });

  it("a write that Ceph fails without a name, and that another one may have replaced", async () => {
    const quirk: S3Quirk = ({ operation, headers, answer }) => {
      if (operation !== "put" || headers["if-match"] === undefined) return false;
      objects.set("a", { body: Buffer.from("another"), headers: {} });
      return answer(500, {}, "<Error><Code>UnknownError</Code></Error>");
    };
    const { storage, objects } = await storageWith(quirk, { provider: "ceph" });
    const { etag } = await storage.put("a", "content");
    const error = await storage.put("a", "own", { ifMatch: etag }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "precondition_failed" });
    expect(storage.backend.classify(Object(error).cause).applied).toBeUndefined();
  });
});

describe("a service that does not tell the size", () => {
  const chunked: S3Quirk = ({ operation, answer }, object) =>
    (operation === "head" || operation === "get") &&
    object !== undefined &&
    answer(200, { ...headersOf(object), "transfer-encoding": "chunked" }, object.body);

  it("is asked for it by a listing", async () => {
    const { storage } = await storageWith(chunked);
    await storage.put("a", "hello");
    expect(await storage.getMetadata("a")).toMatchObject({ size: 5 });
  });

  it("has small and large objects read to their end", async () => {
    const { storage } = await storageWith(chunked);
    for (const size of [0, 5, 262_144, 262_145, 18_000_000]) {
      await storage.put("a", Buffer.alloc(size, 1));
      expect((await storage.get("a")).length).toBe(size);
    }
  });

  it("leaves the size unknown, which is an error, where the listing does not have it either", async () => {
    const quirk: S3Quirk = (request, object) =>
      request.operation === "list" ? request.answer(200, {}, listOf([])) : chunked(request, object);
    const { storage } = await storageWith(quirk);
    await storage.put("a", "hello");
    await expect(storage.getMetadata("a")).rejects.toMatchObject({ code: "unavailable" });
  });

  it("may leave the total of a range out", async () => {
    const quirk: S3Quirk = ({ operation, headers, answer }, object) =>
      operation === "get" &&
      headers.range !== undefined &&
      object !== undefined &&
      answer(206, { ...headersOf(object), "content-range": "bytes 0-1/*" }, object.body.subarray(0, 2));
    const { storage } = await storageWith(quirk);
    await storage.put("a", "hello");
    const { body } = await storage.open("a", { range: { start: 0, end: 1 } });
    expect(Buffer.from(await body.bytes()).toString()).toBe("he");
  });
});

describe("keys that end", () => {
  const keys = (accessKeyId: string, endsInMs: number) => ({
    accessKeyId,
    secretAccessKey: "secret",
    sessionToken: "token",
    expiration: new Date(Date.now() + endsInMs),
  });
  const none = { accessKey: undefined, secretKey: undefined };

  it("are asked for once more when the service says that they have expired", async () => {
    let asked = 0;
    const expired: S3Quirk = ({ headers, answer }) =>
      String(headers.authorization).includes("K1/") &&
      answer(400, {}, "<Error><Code>ExpiredToken</Code></Error>");
    const credentials = async () => keys(`K${++asked}`, 3_600_000);
    const { storage } = await storageWith(expired, { ...none, credentials });
    await storage.put("a", "x");
    expect(asked).toBe(2);
    await storage.put("b", "x");
    expect(asked).toBe(2);
  });

  it("are asked for once more where the answer has no body that could say it", async () => {
    let asked = 0;
    const expired: S3Quirk = ({ operation, headers, answer }) =>
      operation === "head" && String(headers.authorization).includes("K1/") && answer(400, {}, "");
    const credentials = async () => keys(`K${++asked}`, 3_600_000);
    const { storage, objects } = await storageWith(expired, { ...none, credentials });
    objects.set("a", { body: Buffer.from("x"), headers: {} });
    expect(await storage.getMetadata("a")).toMatchObject({ size: 1 });
    expect(asked).toBe(2);
  });

  it.each([
    [400, "token", 2, "unknown"],
    [400, undefined, 1, "unknown"],
    [403, "token", 1, "permission_denied"],
  ])(
    "after a bodyless %i and with session token %s are asked for %i times",
    async (status, sessionToken, times, code) => {
      let asked = 0;
      const refused: S3Quirk = ({ operation, answer }) => operation === "head" && answer(status, {}, "");
      const credentials = async () => ({ ...keys(`K${++asked}`, 3_600_000), sessionToken });
      const { storage, requests } = await storageWith(refused, { ...none, credentials });
      await expect(storage.getMetadata("a")).rejects.toMatchObject({ code });
      expect([asked, requests.length]).toEqual([times, times]);
    },
  );

  it("hold on where a bodyless 400 meant something else, and the provider is asked once a minute", async () => {
    let asked = 0;
    const refused: S3Quirk = ({ operation, answer }) => operation === "head" && answer(400, {}, "");
    const credentials = async () => {
      asked += 1;
      if (asked > 1) throw new Error("the service of roles asks to slow down");
      return keys("K1", 43_200_000);
    };
    let now = Date.now();
    const { storage } = await storageWith(refused, { ...none, credentials, now: () => now });
    for (let turn = 0; turn < 3; turn++) {
      await expect(storage.getMetadata("a")).rejects.toMatchObject({ code: "unknown" });
      await storage.put("a", "x");
    }
    expect(asked).toBe(2);
    now += 61_000;
    await expect(storage.getMetadata("a")).rejects.toMatchObject({ code: "unknown" });
    expect(asked).toBe(3);
  });

  it("that are always expired are an error, not a loop", async () => {
    let asked = 0;
    const expired: S3Quirk = ({ answer }) => answer(400, {}, "<Error><Code>ExpiredToken</Code></Error>");
    const credentials = async () => keys(`K${++asked}`, 3_600_000);
    const { storage } = await storageWith(expired, { ...none, credentials });
    await expect(storage.put("a", "x")).rejects.toMatchObject({ code: "permission_denied" });
    expect(asked).toBe(2);
  });

  it("are renewed for a URL that is to hold longer", async () => {
    let asked = 0;
    const credentials = async () => keys(`K${++asked}`, asked === 1 ? 400_000 : 43_200_000);
    const { storage } = await storageWith(undefined, { ...none, credentials });
    await storage.getUrl("a", { expiresIn: 60 });
    const url = new URL(await storage.getUrl("a"));
    expect(url.searchParams.get("X-Amz-Credential")).toContain("K2/");
    expect(url.searchParams.get("X-Amz-Expires")).toBe("3600");
  });

  it("end the URLs that they sign, and are not asked for with each", async () => {
    let asked = 0;
    const credentials = async () => keys(`K${++asked}`, 900_000);
    const { storage } = await storageWith(undefined, { ...none, credentials });
    for (let turn = 0; turn < 10; turn++) {
      const seconds = Number(new URL(await storage.getUrl("a")).searchParams.get("X-Amz-Expires"));
      expect(seconds).toBeGreaterThan(800);
      expect(seconds).toBeLessThanOrEqual(900);
    }
    expect(asked).toBeLessThan(3);
  });
});

async function allOf<T>(values: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

describe("what is sent holds what makes it safe", () => {
  it("the condition of a write in parts is in the request that joins them", async () => {
    const { storage, requests } = await storageWith();
    await storage.put("a", Buffer.alloc(9 * megabyte), { ifAbsent: true });
    const joining = requests.find(({ operation }) => operation === "complete");
    expect(joining?.headers["if-none-match"]).toBe("*");
    const { etag } = await storage.getMetadata("a");
    await storage.put("a", Buffer.alloc(9 * megabyte), { ifMatch: etag });
    const again = requests.filter(({ operation }) => operation === "complete").at(-1);
    expect(again?.headers["if-match"]).toMatch(/^"[0-9a-f]{32}"$/);
  });

  it("a signed URL names the file", async () => {
    const { storage } = await storageWith();
    const url = new URL(await storage.getUrl("a", { download: true, filename: "Bericht ü.pdf" }));
    const named = url.searchParams.get("response-content-disposition");
    expect(named).toContain("filename*=UTF-8''Bericht%20%C3%BC.pdf");
  });

  it("what a browser would run is stored as an attachment, and not told as the caller's own words", async () => {
    const { storage, objects } = await storageWith();
    await storage.put("a", "<script>", { contentType: "text/html" });
    await storage.put("b", "<svg/>", { contentType: "image/svg+xml", filename: "b.svg" });
    await storage.put("c", "text", { contentType: "text/plain", filename: "c.txt" });
    await storage.put("d", "text", { contentType: "text/plain" });
    const stored = ["a", "b", "c", "d"].map((key) => objects.get(key)?.headers["content-disposition"]);
    const expected = ["attachment", 'attachment; filename="b.svg"', 'inline; filename="c.txt"', undefined];
    expect(stored).toEqual(expected);
    expect((await storage.getMetadata("a")).contentDisposition).toBeUndefined();
    const url = new URL(await storage.getUrl("a", { filename: "a.png" }));
    expect(url.searchParams.get("response-content-disposition")).toBe('attachment; filename="a.png"');
  });

  it("what a browser would run and another tool stored to be shown is copied as an attachment", async () => {
    const { storage, objects } = await storageWith();
    const headers = { "content-type": "text/html", "content-disposition": 'inline; filename="p.html"' };
    objects.set("a", { body: Buffer.from("<script>"), headers });
    await storage.copy("a", "b");
    expect(objects.get("b")?.headers["content-disposition"]).toBe('attachment; filename="p.html"');
  });

  it("the key of SSE-C is sent over TLS only", async () => {
    const encryption = { type: "sse-c", key: Buffer.alloc(32) } as const;
    const options = { bucket: "bucket", accessKey: "key", secretKey: "secret", encryption };
    expect(() => new S3Backend({ ...options, endpoint: "http://storage.example.org" })).toThrow(/https/);
    expect(() => new S3Backend({ ...options, endpoint: "http://127.0.0.1:9" })).not.toThrow();
  });
});

it("a listing tells the names that are no keys, but for what stands for a folder", async () => {
  const entries = [
    ["a b", 1],
    ["folder/", 0],
    ["k", 1],
  ] as const;
  const quirk: S3Quirk = (request) =>
    request.operation === "list" && request.answer(200, {}, listOf(entries));
  const { storage } = await storageWith(quirk);
  const page = await storage.list();
  expect(page.items.map(({ key }) => key)).toEqual(["k"]);
  expect(page.passedOver).toEqual(["a b"]);
});

it("an object that another tool stored packed is served with its coding", async () => {
  const packed = gzipSync("body { color: red }");
  const { storage, objects } = await storageWith();
  objects.set("app.css", {
    body: packed,
    headers: { "content-type": "text/css", "content-encoding": "gzip" },
  });
  const app = Fastify();
  onTestFinished(() => app.close());
  await addStorage(app, storage, { authorize: "open" });
  const { headers, rawPayload } = await app.inject({
    url: "/_storage/download/app.css",
    headers: { host: "localhost" },
  });
  expect(headers["content-encoding"]).toBe("gzip");
  expect(gunzipSync(rawPayload).toString()).toBe("body { color: red }");
});
