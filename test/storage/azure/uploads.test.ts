import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { BlobServiceClient } from "@azure/storage-blob";
import fc from "fast-check";
import { checksumOf, type Key, retry, Storage } from "svc-infra/storage";
import { AzureBackend } from "svc-infra/storage/azure";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { combineCrc32 } from "#dist/storage/backends/azure/combine-crc32.js";
import { type AzuriteRig, startAzurite } from "../../rigs/azurite.js";
import { freshWire, inPieces } from "./fresh-wire.js";

const blockBytes = 65_536;

let rig: AzuriteRig;
let storage: Storage<AzureBackend["capabilities"]>;
beforeAll(async () => {
  rig = await startAzurite();
  storage = new Storage(
    new AzureBackend({ connectionString: rig.connectionString, container: "svc-infra", blockBytes }),
  );
});
afterAll(() => rig?.stop());

it("the crc32 of any two contents is that of both", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array({ maxLength: 5000 }), (first, second) => {
      const whole = crc32(Buffer.concat([first, second]));
      expect(combineCrc32(crc32(first), crc32(second), second.length)).toBe(whole);
    }),
  );
});

/** As the backend knows it. */
const idOf = ({ id }: { readonly id: string }) => id.split(":")[1] ?? "";

/** Names of blobs that no key can name. */
async function blobs(): Promise<readonly string[]> {
  const service = BlobServiceClient.fromConnectionString(rig.connectionString);
  const names: string[] = [];
  const listed = service.getContainerClient("svc-infra").listBlobsFlat({ prefix: ".svc-infra/uploads/" });
  for await (const { name } of listed) names.push(name);
  return names;
}

describe("an upload in parts", () => {
  it("has the checksum of the whole, which is compared when it is read", async () => {
    const bytes = randomBytes(500_000);
    const upload = await storage.createUpload("parts/a");
    await upload.writePart(3, inPieces(bytes.subarray(300_000)));
    await upload.writePart(1, bytes.subarray(0, 300_000));
    await upload.writePart(2, "");
    const stat = await upload.complete();
    expect(stat).toMatchObject({ size: 500_000, checksum: checksumOf(bytes) });
    expect(Buffer.from(await storage.get("parts/a")).equals(bytes)).toBe(true);
  });

  it("can be resumed by a process with other blocks, which asks for the parts alone", async () => {
    const bytes = randomBytes(400_000);
    const { id } = await storage.createUpload("parts/b", { metadata: { kept: "yes" } });
    const other = new Storage(
      new AzureBackend({
        connectionString: rig.connectionString,
        container: "svc-infra",
        blockBytes: 100_000,
      }),
    );
    const parts = [
      await storage.resumeUpload("parts/b", id).writePart(1, bytes.subarray(0, 200_000)),
      await other.resumeUpload("parts/b", id).writePart(2, bytes.subarray(200_000)),
    ];
    await other.resumeUpload("parts/b", id).complete({ parts });
    expect(Buffer.from(await storage.get("parts/b")).equals(bytes)).toBe(true);
    expect((await storage.getMetadata("parts/b")).metadata).toEqual({ kept: "yes" });
  });

  it("has an id that cannot be guessed", async () => {
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => (await storage.createUpload("parts/c")).id),
    );
    expect(new Set(ids).size).toBe(20);
    for (const id of ids) expect(Buffer.from(id.split(":")[1] ?? "", "base64url")).toHaveLength(24);
  });

  it("takes no part of another upload of the same key, and none that says another size or number", async () => {
    const [mine, other] = [await storage.createUpload("parts/d"), await storage.createUpload("parts/d")];
    const part = await mine.writePart(1, "content");
    const foreign = await other.writePart(2, "foreign");
    const larger = { ...part, etag: part.etag.replace(".7.", ".9.") };
    for (const wrong of [foreign, larger, { ...part, number: 2 }, { ...part, etag: "" }]) {
      await expect(mine.complete({ parts: [wrong] })).rejects.toMatchObject({ code: "invalid_argument" });
    }
    expect(await storage.exists("parts/d")).toBe(false);
    expect(await mine.complete({ parts: [part] })).toMatchObject({ size: 7 });
  });

  it("whose parts another write threw away is unavailable, and says why", async () => {
    const upload = await storage.createUpload("parts/e");
    await upload.writePart(1, "content");
    await storage.put("parts/e", inPieces(randomBytes(3 * blockBytes)));
    await expect(upload.complete()).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("another write of this key"),
    });
  });

  it("whose record was removed before its parts is removed by a sweep, and a living one is not", async () => {
    const [over, living] = [
      await storage.createUpload("parts/over"),
      await storage.createUpload("parts/living"),
    ];
    for (const upload of [over, living]) {
      await upload.writePart(1, "content");
      await upload.writePart(2, "more");
    }
    const left = async () => (await blobs()).filter((name) => name.includes(idOf(over)));
    // A process is killed between the two removals that a completion ends with.
    await storage.backend.remove(`.svc-infra/uploads/${idOf(over)}` as Key, {
      ifMatch: undefined,
      signal: undefined,
    });
    expect(await left()).toHaveLength(2);
    await storage.sweep({ dryRun: true });
    expect(await left()).toHaveLength(2);
    await storage.sweep();
    expect(await left()).toEqual([]);
    expect(await living.complete()).toMatchObject({ size: 11 });
    await over.abort();
  });

  it("whose record breaks off on its way is unavailable, and is not passed over in a list of unfinished ones", async () => {
    const { backend, proxy } = await freshWire(rig);
    const { signal } = new AbortController();
    const key = "parts/broken" as Key;
    const id = await backend.createUpload(key, {
      contentType: "text/plain",
      filename: undefined,
      metadata: {},
      signal,
    });
    const breakOff = () => {
      let count = 0;
      proxy.plan.mix(1, (_, { method, url }) =>
        method === "GET" && url?.includes(id) && count++ === 0 ? { kind: "cutDown", share: 0.5 } : undefined,
      );
    };
    const unfinished = async () => {
      const ids: string[] = [];
      for await (const { uploadId } of backend.unfinished({ dryRun: true, signal })) ids.push(uploadId);
      return ids;
    };
    const codeOf = (work: Promise<unknown>) => work.catch((error: unknown) => backend.classify(error).code);
    breakOff();
    expect(await codeOf(backend.listParts(key, id, { signal }))).toBe("unavailable");
    breakOff();
    expect(await codeOf(unfinished())).toBe("unavailable");
    breakOff();
    expect(
      await new Storage(backend).with(retry({ baseDelayMs: 1 })).backend.listParts(key, id, { signal }),
    ).toEqual([]);
    expect(await unfinished()).toContain(id);
  });

  it("that is complete waits only a few seconds for the removal of its record", async () => {
    const { storage: watched, proxy } = await freshWire(rig);
    const upload = await watched.createUpload("parts/kept");
    await upload.writePart(1, "content");
    let count = 0;
    proxy.plan.mix(1, (_, { method }) =>
      method === "DELETE" && count++ === 0 ? { kind: "hang" } : undefined,
    );
    expect(await upload.complete()).toMatchObject({ size: 7 });
    expect(count).toBeGreaterThan(0);
  });

  it("sends the blocks and the note of a part that streams again, when the service refuses one", async () => {
    const { backend, proxy, visits } = await freshWire(rig, { blockBytes });
    const upload = await new Storage(backend).createUpload("parts/again");
    visits();
    const pass = { kind: "delay", ms: 0 } as const;
    const busy = { kind: "answer", status: 503 } as const;
    proxy.plan.next(pass, busy, pass, busy);
    const bytes = randomBytes(blockBytes);
    await upload.writePart(1, inPieces(bytes));
    expect(visits()).toEqual(["GET", "PUT comp=block", "PUT comp=block", "PUT", "PUT"]);
    await upload.complete();
    expect(Buffer.from(await storage.get("parts/again")).equals(bytes)).toBe(true);
  });

  it("asks for its record, sends blocks and notes the part, and completes with lease, record, a list and deletions", async () => {
    const { storage: watched, visits } = await freshWire(rig, { blockBytes });
    const upload = await new Storage(watched.backend).createUpload("parts/f");
    visits();
    await upload.writePart(1, randomBytes(2 * blockBytes));
    expect(visits()).toEqual(["GET", "PUT comp=block", "PUT comp=block", "PUT"]);
    await upload.complete();
    const ofBackend = ["GET", "GET", "PUT comp=blocklist", "DELETE", "GET comp=list", "POST comp=batch"];
    // The first one reads the lease, and the last one ends it.
    expect(visits()).toEqual([...ofBackend, "DELETE"]);
  });
});
