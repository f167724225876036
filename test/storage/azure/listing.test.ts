import { BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import { Storage } from "svc-infra/storage";
import { AzureBackend } from "svc-infra/storage/azure";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AzuriteRig, startAzurite } from "../../rigs/azurite.js";
import { freshWire } from "./fresh-wire.js";

let rig: AzuriteRig;
let storage: Storage;
beforeAll(async () => {
  rig = await startAzurite();
  storage = new Storage(new AzureBackend({ connectionString: rig.connectionString, container: "svc-infra" }));
  for (const name of ["a", "b", "c", "d/e"]) await storage.put(`t1/${name}`, name);
});
afterAll(() => rig?.stop());

describe("a cursor", () => {
  it("is understood by another process with the same key", async () => {
    const { cursor } = await storage.list({ prefix: "t1/", limit: 2 });
    const other = new Storage(
      new AzureBackend({ connectionString: rig.connectionString, container: "svc-infra" }),
    );
    const { items } = await other.list({ prefix: "t1/", cursor });
    expect(items.map(({ key }) => key)).toEqual(["t1/c", "t1/d/e"]);
  });

  it("is refused by another listing, by another account, and when a bit of it was changed", async () => {
    const { cursor = "" } = await storage.list({ prefix: "t1/", limit: 2 });
    const accountKey = Buffer.from("another").toString("base64");
    const { account, endpoint } = rig;
    const other = new Storage(new AzureBackend({ container: "svc-infra", account, accountKey, endpoint }));
    const bytes = Buffer.from(cursor, "base64url");
    const changed = Array.from(bytes, (byte, index) => {
      const copy = Buffer.from(bytes);
      copy[index] = byte ^ 1;
      return storage.list({ prefix: "t1/", cursor: copy.toString("base64url") });
    });
    const refused = [
      ...changed,
      storage.list({ prefix: "t1", cursor }),
      storage.list({ prefix: "t1/", delimiter: "/", cursor }),
      storage.list({ prefix: "t1/", cursor: `${cursor}=` }),
      other.list({ prefix: "t1/", cursor }),
    ];
    for (const each of refused) await expect(each).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

it("names that are no keys are told and not listed; empty ones that stand for folders are not told", async () => {
  const { account, accountKey, endpoint } = rig;
  const client = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(account, accountKey));
  const container = client.getContainerClient("svc-infra");
  for (const [name, content] of [
    ["zz/two words", "x"],
    ["zz/ä", "x"],
    ["zz/folder/", ""],
    ["zz/full/", "x"],
    ["zz/key", "x"],
  ] as const)
    await container.getBlockBlobClient(name).upload(content, content.length);
  const page = await storage.list({ prefix: "zz/" });
  expect(page.items.map(({ key }) => key)).toEqual(["zz/key"]);
  expect(page.passedOver).toEqual(["zz/full/", "zz/two words", "zz/ä"]);
});

it("a page that the service gives in pieces is whole", async () => {
  const { storage: watched, visits } = await freshWire(rig);
  await storage.createUpload("t1/hidden");
  const { items, cursor } = await watched.list({ limit: 2 });
  expect(items.map(({ key }) => key)).toEqual(["t1/a", "t1/b"]);
  expect(cursor).toBeDefined();
  expect(visits()).toEqual(["GET comp=list", "GET comp=list"]);
});
