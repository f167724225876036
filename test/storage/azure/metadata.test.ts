import { BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import fc from "fast-check";
import { Storage } from "svc-infra/storage";
import { AzureBackend } from "svc-infra/storage/azure";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeName, encodeName } from "#dist/storage/backends/azure/metadata-name.js";
import { decodeValue, encodeValue } from "#dist/storage/backends/azure/metadata-value.js";
import { type AzuriteRig, startAzurite } from "../../rigs/azurite.js";

const names = fc.stringMatching(/^[a-z0-9_-]{1,64}$/);
const identifier = /^[a-z_][a-z0-9_]*$/;

describe("a name of metadata", () => {
  it("comes back, with any characters, and is kept as an identifier", () => {
    fc.assert(
      fc.property(names, (name) => {
        expect(encodeName(name)).toMatch(identifier);
        expect(decodeName(encodeName(name))).toBe(name);
      }),
    );
  });

  it("that is an identifier stays as it is", () => {
    for (const name of ["author", "a1", "_x", "content_type", "svc_infra", "class"]) {
      expect(encodeName(name)).toBe(name);
    }
  });

  it("that looks like the kit's own is not taken for it", () => {
    for (const name of ["svc_infra_crc32", "svc_infra_filename", "svc_infra_n_a", "svc_infra_"]) {
      expect(encodeName(name)).not.toBe(name);
      expect(decodeName(encodeName(name))).toBe(name);
    }
    expect(decodeName("svc_infra_crc32")).toBeUndefined();
  });
});

describe("a value of metadata", () => {
  it("comes back, with any characters, and is kept as plain ASCII without blanks that services change", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (value) => {
        expect(encodeValue(value)).toMatch(/^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/);
        expect(decodeValue(encodeValue(value))).toBe(value);
      }),
    );
  });

  it("in ASCII stays as it is", () => {
    for (const value of ["Jane Doe", "100% a=b; c", "{}"]) expect(encodeValue(value)).toBe(value);
  });

  it("of another tool that only looks encoded means itself", () => {
    for (const kept of ["=?UTF-8?B?!?=", "=?UTF-8?B?/w==?=", "=?UTF-8?B?YQ==?= x", "=?utf-8?q?a?=", "é"]) {
      expect(decodeValue(kept)).toBe(kept);
    }
  });
});

describe("an object in the container", () => {
  let rig: AzuriteRig;
  let storage: Storage;
  beforeAll(async () => {
    rig = await startAzurite();
    storage = new Storage(
      new AzureBackend({ connectionString: rig.connectionString, container: "svc-infra" }),
    );
  });
  afterAll(() => rig?.stop());

  /** As every other program sees it. */
  async function blobOf(name: string) {
    const credential = new StorageSharedKeyCredential(rig.account, rig.accountKey);
    const service = new BlobServiceClient(rig.endpoint, credential);
    return service.getContainerClient("svc-infra").getBlockBlobClient(name);
  }

  it("has metadata that Azure takes, plain where it can be, with its type and name", async () => {
    const metadata = { author: "Jane Doe", "taken-by": "Åsa", "1st": "x" };
    await storage.put("a.pdf", "%PDF-1.7", { metadata, filename: "請求書.pdf" });
    const found = await (await blobOf("a.pdf")).getProperties();
    expect(found.metadata).toEqual({
      author: "Jane Doe",
      svc_infra_n_taken_hby: "=?UTF-8?B?w4VzYQ==?=",
      svc_infra_n_1st: "x",
      svc_infra_crc32: expect.stringMatching(/^[0-9a-f]{8}$/),
      svc_infra_filename: expect.stringMatching(/^=\?UTF-8\?B\?/),
    });
    expect(found.contentType).toBe("application/pdf");
    expect(found.contentDisposition).toMatch(/^attachment; filename="_.pdf"; filename\*=UTF-8''%E8%AB%8B/);
  });

  it("that another program put there has the metadata that could be put, in lower case, its type, and no checksum", async () => {
    const blob = await blobOf("foreign.txt");
    const blobHTTPHeaders = { blobContentType: "text/plain" };
    const metadata = { Author: "Jane", CamelCase: "1", split: encodeValue("a\r\nb: c") };
    const named = { ...metadata, svc_infra_filename: encodeValue("a\nb") };
    await blob.upload("foreign", 7, { metadata: named, blobHTTPHeaders });
    const shown = await storage.getMetadata("foreign.txt");
    expect(shown).toMatchObject({ contentType: "text/plain", filename: undefined, checksum: undefined });
    expect(shown.metadata).toEqual({ author: "Jane", camelcase: "1" });
    expect(Buffer.from(await storage.get("foreign.txt")).toString()).toBe("foreign");
  });

  it("whose name is no key is not listed, nor are records of uploads", async () => {
    for (const name of ["listed/über", "listed/a b", "listed/ok"]) await (await blobOf(name)).upload("x", 1);
    await storage.createUpload("listed/upload");
    expect(await storage.listKeys({ prefix: "listed/" })).toEqual(["listed/ok"]);
    expect((await storage.listKeys()).filter((key) => key.startsWith(".svc-infra"))).toEqual([]);
    const { items, prefixes } = await storage.list({ delimiter: "/" });
    expect([...items.map(({ key }) => key), ...prefixes]).toEqual(["a.pdf", "foreign.txt", "listed/"]);
  });

  it("with snapshots is deleted with them", async () => {
    await storage.put("snapped", "content");
    await (await blobOf("snapped")).createSnapshot();
    await storage.put("snapped-too", "content");
    await (await blobOf("snapped-too")).createSnapshot();
    expect(await storage.delete("snapped")).toBe(true);
    expect(await storage.deleteMany(["snapped-too"])).toEqual([]);
    expect(await storage.listKeys({ prefix: "snapped" })).toEqual([]);
  });
});
