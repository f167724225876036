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

afterAll(async () => {
  await front.stop();
  await rig.stop();
});
