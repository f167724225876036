import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { crc32 } from "node:zlib";
import { Storage } from "svc-infra/storage";
import { S3Backend, type S3BackendOptions, type S3Provider } from "svc-infra/storage/s3";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { headersOf, type S3Operation, type S3Quirk, startS3Double } from "../../rigs/s3-double.js";

const mebibyte = 1_048_576;

async function watched(options: Partial<S3BackendOptions> = {}, quirk?: S3Quirk) {
  const double = await startS3Double(quirk);
  const storage = new Storage(new S3Backend({ ...double.options, ...options }));
  onTestFinished(() => storage.close());
  const sent = (operation: S3Operation) =>
    double.requests.filter((request) => request.operation === operation).map(({ headers }) => headers);
  return { ...double, storage, sent };
}

describe("a condition is sent to the service with the step that makes the object", () => {
  it("ifAbsent of one request, and of an upload in parts", async () => {
    const { storage, sent } = await watched();
    await storage.put("small", "x", { ifAbsent: true });
    await storage.put("large", Buffer.alloc(9 * mebibyte), { ifAbsent: true });
    const upload = await storage.createUpload("parts");
    await upload.writePart(1, "x");
    await upload.complete({ ifAbsent: true });
    expect(sent("put")[0]?.["if-none-match"]).toBe("*");
    expect(sent("complete").map((headers) => headers["if-none-match"])).toEqual(["*", "*"]);
  });

  it("ifMatch of one request, of an upload in parts, and of a deletion", async () => {
    const { storage, sent, objects } = await watched();
    const { etag } = await storage.put("k", "first");
    const service = `"${etag?.split(/[^0-9a-f]/)[0]}"`;
    await storage.put("k", Buffer.alloc(9 * mebibyte), { ifMatch: etag });
    expect(sent("complete").map((headers) => headers["if-match"])).toEqual([service]);
    objects.clear();
    const again = await storage.put("k", "first");
    await storage.put("k", "second", { ifMatch: again.etag });
    expect(sent("put").at(-1)?.["if-match"]).toBe(service);
    const last = await storage.getMetadata("k");
    await storage.delete("k", { ifMatch: last.etag });
    expect(sent("remove").at(-1)?.["if-match"]).toBe(`"${last.etag.split(/[^0-9a-f]/)[0]}"`);
  });

  it("none where there is none", async () => {
    const { storage, sent } = await watched();
    await storage.put("k", Buffer.alloc(9 * mebibyte));
    await storage.put("k", "x");
    for (const headers of [...sent("put"), ...sent("complete")]) {
      expect([headers["if-match"], headers["if-none-match"]]).toEqual([undefined, undefined]);
    }
  });
});

describe("a service that checks checksums gets one with each body in memory, of just these bytes", () => {
  it("a CRC32 with content of one request", async () => {
    const { storage, sent } = await watched();
    await storage.put("small", "content");
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(crc32("content"));
    expect(sent("put")[0]?.["x-amz-checksum-crc32"]).toBe(bytes.toString("base64"));
  });

  it("an MD5 with each part, which needs no word at the beginning of the upload", async () => {
    const { storage, requests } = await watched();
    await storage.put("large", Buffer.alloc(9 * mebibyte, 7));
    const upload = await storage.createUpload("by-hand");
    await upload.writePart(1, "part");
    const parts = requests.filter(({ operation }) => operation === "part");
    expect(parts).toHaveLength(3);
    for (const { headers, body } of parts) {
      expect(headers["content-md5"]).toBe(crypto.createHash("md5").update(body).digest("base64"));
    }
  });

  it("and no MD5 where FIPS 140 forbids it", async () => {
    const { getFips } = crypto;
    onTestFinished(() => {
      Object.assign(crypto, { getFips });
      syncBuiltinESMExports();
    });
    Object.assign(crypto, { getFips: () => 1 });
    syncBuiltinESMExports();
    const { storage, sent } = await watched();
    await storage.put("large", Buffer.alloc(9 * mebibyte, 7));
    expect(await storage.deleteMany(["large"])).toEqual([]);
    const names = (operation: S3Operation) => sent(operation).flatMap((headers) => Object.keys(headers));
    expect(names("part").filter((name) => /md5|checksum/.test(name))).toEqual([]);
    expect(names("removeMany").filter((name) => /md5|checksum/.test(name))).toEqual(["x-amz-checksum-crc32"]);
  });
});

it("more than 512 MiB are copied in parts on AWS, also under a condition", async () => {
  const quirk: S3Quirk = ({ operation, key, answer }, object) =>
    operation === "head" &&
    key === "large" &&
    object !== undefined &&
    answer(200, { ...headersOf(object), "content-length": 600 * mebibyte });
  const copies = async (provider: S3Provider) => {
    const { storage, sent } = await watched({ provider }, quirk);
    await storage.put("large", "x");
    await storage.copy("large", "copy", { ifAbsent: provider === "aws" });
    return [sent("copy").length, sent("copyPart").length];
  };
  expect(await copies("aws")).toEqual([0, 2]);
  // Ceph copies by reference, and cannot join parts under a condition.
  expect(await copies("ceph")).toEqual([1, 0]);
});

it("a signed URL holds the name that the file is saved under, and the rest of what the answer is to be", async () => {
  const { storage } = await watched();
  const url = await storage.getUrl("k", { filename: "請求書 1.pdf", cacheControl: "no-store" });
  const query = new URL(url).searchParams;
  expect(query.get("response-content-disposition")).toBe(
    `attachment; filename="_ 1.pdf"; filename*=UTF-8''${encodeURIComponent("請求書 1.pdf")}`,
  );
  expect(query.get("response-cache-control")).toBe("no-store");
  const saved = await storage.getUrl("k", { download: true });
  expect(new URL(saved).searchParams.get("response-content-disposition")).toBe("attachment");
  expect(new URL(await storage.getUrl("k")).searchParams.has("response-content-disposition")).toBe(false);
});

it("one signal serves sixty calls at once, and a removal of many keys, without a warning", async () => {
  const warning = vi.spyOn(process, "emitWarning");
  const { storage } = await watched();
  const { signal } = new AbortController();
  const keys = Array.from({ length: 60 }, (_, index) => `k${index}`);
  await Promise.all(keys.map((key) => storage.put(key, "x", { signal })));
  await Promise.all(keys.map((key) => storage.get(key, { signal })));
  expect(await storage.deleteMany(keys, { signal })).toEqual([]);
  expect(warning).not.toHaveBeenCalled();
  warning.mockRestore();
});
