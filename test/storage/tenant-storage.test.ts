import { Readable } from "node:stream";
import { Storage, TenantStorage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { describe, expect, it } from "vitest";
import { tieUploadId, untieUploadId } from "#dist/storage/upload-id.js";

describe("the files of a tenant", () => {
  it("reach neither the backend nor other layers, and cannot close the storage", async () => {
    const storage = new Storage(new MemoryBackend());
    const tenant = storage.forTenant("acme");
    expect(tenant).toBeInstanceOf(TenantStorage);
    for (const name of ["backend", "options", "with", "forTenant", "close"]) {
      expect(Reflect.get(tenant, name), name).toBeUndefined();
    }
    await tenant.put("a.txt", "hello");
    expect(await storage.listKeys()).toEqual(["acme/a.txt"]);
  });

  it.each(["", "Acme", "public", "a/b", "..", "a".repeat(65), "é"])("'%s' is no tenant's id", (id) => {
    expect(() => new Storage(new MemoryBackend()).forTenant(id)).toThrow(/a-z 0-9/);
  });

  it("an upload is of no use to another tenant with the same key, with any backend", async () => {
    const storage = new Storage(new MemoryBackend());
    const [mine, other] = [storage.forTenant("mine"), storage.forTenant("other")];
    const upload = await mine.createUpload("a.txt");
    await upload.writePart(1, "content");
    const stolen = other.resumeUpload("a.txt", upload.id);
    await expect(stolen.listParts()).rejects.toMatchObject({ code: "not_found", key: "a.txt" });
    await expect(stolen.writePart(1, "x")).rejects.toMatchObject({ code: "not_found" });
    await stolen.abort();
    expect(await mine.resumeUpload("a.txt", upload.id).listParts()).toHaveLength(1);
    await storage.resumeUpload("mine/a.txt", upload.id).complete({ parts: await upload.listParts() });
    expect(await mine.exists("a.txt")).toBe(true);
  });

  it("an upload keeps its rules in the whole storage, and under an id that was changed", async () => {
    const storage = new Storage(new MemoryBackend());
    const narrow = storage.withPolicy({ maxBytes: 10 });
    const begun = [
      ["k", await narrow.createUpload("k")],
      ["acme/k", await narrow.forTenant("acme").createUpload("k")],
    ] as const;
    for (const [key, { id }] of begun) {
      const parts = [await storage.resumeUpload(key, id).writePart(1, "x".repeat(100))];
      const complete = (named: string) => storage.resumeUpload(key, named).complete({ parts });
      await expect(complete(id), key).rejects.toMatchObject({ code: "too_large" });
      const [lease = "", ofBackend] = (untieUploadId(key, id) ?? "").split(":");
      const changed = tieUploadId(key, `${lease.slice(0, -2)}AA:${ofBackend}`);
      await expect(complete(changed), key).rejects.toMatchObject({ code: "not_found" });
    }
    expect(await storage.listKeys()).toEqual([]);
  });
});

describe("content that put takes", () => {
  const storage = new Storage(new MemoryBackend());

  it("brings the type and the name of a File, unless others are given", async () => {
    const file = new File(["a,b"], "Größen.csv", { type: "text/csv" });
    expect(await storage.put("a", file)).toMatchObject({ contentType: "text/csv", filename: "Größen.csv" });
    const given = await storage.put("a", file, { contentType: "text/plain", filename: "b.txt" });
    expect(given).toMatchObject({ contentType: "text/plain", filename: "b.txt" });
    expect(await storage.put("a", new Blob(["x"], { type: "image/png" }))).toMatchObject({
      contentType: "image/png",
      filename: undefined,
    });
  });

  it("is refused with an option that put does not have", async () => {
    const options = { ContentType: "text/plain" } as object;
    await expect(storage.put("b", "x", options)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining('put has no option "ContentType"; it takes contentType'),
    });
    expect(await storage.exists("b")).toBe(false);
  });

  it("is too large when a form parser cut it at its limit", async () => {
    const cut = Object.assign(Readable.from([Buffer.alloc(100)]), { truncated: true });
    await expect(storage.put("c", cut)).rejects.toMatchObject({ code: "too_large" });
    expect(await storage.exists("c")).toBe(false);
  });

  it("is refused when it is a web stream that is locked or was read", async () => {
    const locked = new Blob(["x"]).stream();
    const reader = locked.getReader();
    await expect(storage.put("d", locked)).rejects.toMatchObject({ code: "invalid_argument" });
    await reader.read();
    reader.releaseLock();
    await expect(storage.put("d", locked)).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("may be a view of any length at any place of a larger buffer", async () => {
    const buffer = Buffer.from("hello, world: 0123456789");
    for (let start = 0; start < 8; start += 1) {
      for (let length = 0; length < 9; length += 1) {
        const view = buffer.subarray(start, start + length);
        await storage.put("view", view);
        expect(Buffer.from(await storage.get("view"))).toEqual(view);
      }
    }
    const binary = Buffer.from([0x61, 0x00, 0x62]);
    expect((await storage.put("view", binary.subarray(1, 2))).contentType).toBe("application/octet-stream");
  });

  it("is refused when it is a Node stream that was read, and what was there stays", async () => {
    await storage.put("d", "old");
    const ended = Readable.from([Buffer.from("new")]);
    for await (const _ of ended);
    await expect(storage.put("d", ended)).rejects.toMatchObject({ code: "invalid_argument" });
    const begun = Readable.from([Buffer.from("a"), Buffer.from("b")]);
    await begun[Symbol.asyncIterator]().next();
    await expect(storage.put("d", begun)).rejects.toMatchObject({ code: "invalid_argument" });
    expect(new TextDecoder().decode(await storage.get("d"))).toBe("old");
  });

  it("comes back as bytes that crypto, Blob and Response take", async () => {
    await storage.put("e", "content");
    const bytes: Uint8Array<ArrayBuffer> = await storage.get("e");
    expect(await new Response(bytes).text()).toBe("content");
  });
});
