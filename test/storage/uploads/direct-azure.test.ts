import { BlobServiceClient } from "@azure/storage-blob";
import { type Key, Storage } from "svc-infra/storage";
import { AzureBackend } from "svc-infra/storage/azure";
import { afterAll, expect, it } from "vitest";
import { stagingRoot } from "#dist/storage/contract/key.js";
import { startAzurite } from "../../rigs/azurite.js";
import { BlocksFromUrl } from "../../rigs/azurite-blocks-from-url.js";
import { directSuite } from "./direct-suite.js";

const rig = await startAzurite();
await rig.createContainer("direct");
const { account, accountKey } = rig;
const front = new BlocksFromUrl(rig);
const endpoint = await front.start();

directSuite("azure", () => new AzureBackend({ account, accountKey, endpoint, container: "direct" }));

it("a direct upload whose record is still there when its parts are joined can be completed", async () => {
  const backend = new AzureBackend({ account, accountKey, endpoint, container: "direct" });
  const storage = new Storage(backend, { policy: { types: ["application/zip"] } });
  const content = Buffer.alloc(2 * 16 * 1024 * 1024 + 1, "PK\u0003\u0004");
  const options = { size: content.length, contentType: "application/zip" };
  const { id, parts } = await storage.prepareUpload("record.zip", options);
  for (const { url, method, headers, start, end } of parts) {
    await fetch(url, { method, headers, body: content.subarray(start, end) });
  }
  const records: [string, Buffer][] = [];
  const service = BlobServiceClient.fromConnectionString(rig.connectionString);
  const container = service.getContainerClient("direct");
  for await (const { name } of container.listBlobsFlat({ prefix: ".svc-infra/uploads/" })) {
    records.push([name, await container.getBlobClient(name).downloadToBuffer()]);
  }
  // A process is killed between the two requests that join the parts and remove the record.
  const at = `${stagingRoot}${id}/content` as Key;
  const listed = records.map(([name]) => name.split("/").at(-1) ?? "");
  expect(listed).toHaveLength(1);
  const [uploadId = ""] = listed;
  const known = await backend.listParts(at, uploadId, { signal: undefined });
  const unconditional = { ifAbsent: false, ifMatch: undefined, signal: undefined };
  await backend.completeUpload(at, uploadId, known, unconditional);
  for (const [name, bytes] of records) await container.getBlockBlobClient(name).upload(bytes, bytes.length);
  expect(await storage.completeUpload(id)).toMatchObject({ key: "record.zip", size: content.length });
});

it("a checksum that the sender wrote is compared with the content", async () => {
  const backend = new AzureBackend({ account, accountKey, endpoint, container: "direct" });
  const storage = new Storage(backend);
  const complete = async (crc32: string) => {
    const {
      id,
      url = "",
      headers,
    } = await storage.prepareUpload("sum.txt", {
      size: 5,
      contentType: "text/plain",
    });
    const sent = { ...headers, "x-ms-meta-svc_infra_crc32": crc32 };
    expect((await fetch(url, { method: "PUT", headers: sent, body: "hello" })).status).toBe(201);
    return storage.completeUpload(id);
  };
  await expect(complete("00000000")).rejects.toMatchObject({ code: "checksum_mismatch" });
  expect(await storage.exists("sum.txt")).toBe(false);
  expect(await complete("3610a686")).toMatchObject({ checksum: "crc32:3610a686" });
  expect(Buffer.from(await storage.get("sum.txt")).toString()).toBe("hello");
});

it("a lease that the sender took keeps nothing from completion and removal", async () => {
  const backend = new AzureBackend({ account, accountKey, endpoint, container: "direct" });
  const storage = new Storage(backend, { policy: { types: ["text/plain"] } });
  const service = BlobServiceClient.fromConnectionString(rig.connectionString);
  const container = service.getContainerClient("direct");
  const bring = async (url: string, headers: Record<string, string>, body: string) => {
    expect((await fetch(url, { method: "PUT", headers, body })).status).toBe(201);
    const lease = { "x-ms-lease-action": "acquire", "x-ms-lease-duration": "-1" };
    expect((await fetch(`${url}&comp=lease`, { method: "PUT", headers: lease })).status).toBe(201);
  };
  const prepare = async (body: string) => {
    const options = { size: body.length, contentType: "text/plain" };
    const { id, url = "", headers } = await storage.prepareUpload("leased.txt", options);
    await bring(url, headers, body);
    return id;
  };
  const staged = async () => {
    const names: string[] = [];
    for await (const { name } of container.listBlobsFlat({ prefix: stagingRoot })) names.push(name);
    return names;
  };
  const before = await staged();
  const refused = storage.completeUpload(await prepare("<html>"));
  await expect(refused).rejects.toMatchObject({ code: "unsupported_type" });
  expect(await staged()).toEqual(before);
  expect(await storage.completeUpload(await prepare("hello"))).toMatchObject({ key: "leased.txt" });
  await prepare("never completed");
  const large = { size: 2 * 16 * 1024 * 1024 + 1, contentType: "text/plain" };
  const { parts } = await storage.prepareUpload("leased.txt", large);
  const whole = new URL(parts[0]?.url ?? "");
  for (const name of ["comp", "blockid"]) whole.searchParams.delete(name);
  await bring(whole.href, { "x-ms-blob-type": "BlockBlob" }, "in the place of blocks");
  await storage.sweep({ now: new Date(Date.now() + 9 * 86_400_000) });
  expect(await staged()).toEqual([]);
});

afterAll(async () => {
  await front.stop();
  await rig.stop();
});
