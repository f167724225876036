import Fastify from "fastify";
import { addStorage, easyStorage } from "svc-infra";
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { MemoryBackend } from "svc-infra/storage/memory";
import { describe, expect, it } from "vitest";
import { azure, cloudinary, local, memory } from "./served-backends.js";

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

describe.each([memory, local, azure, cloudinary])(
  "where the file route is mounted, on $type",
  ({ type, start }) => {
    it("getUploadUrl gives a URL for one upload of one type and size", async () => {
      const { env, stop } = await start();
      const app = Fastify();
      const source = await easyStorage(
        {},
        { ...env, STORAGE_BACKEND: type, STORAGE_SIGNING_SECRET: "s".repeat(32) },
      );
      const storage = await addStorage(app, source, { serveFiles: true });
      await app.listen({ port: 0, host: "127.0.0.1" });
      try {
        expect(storage.capabilities).toMatchObject({ signGet: true, signPut: true, signSize: true });
        const url = await storage.getUploadUrl("a.png", { contentType: "image/png", size: png.byteLength });
        const put = (body: Uint8Array<ArrayBuffer>, contentType: string) =>
          fetch(url, { method: "PUT", headers: { "content-type": contentType }, body });
        expect((await put(png, "image/gif")).status).toBe(403);
        expect((await put(png.subarray(1), "image/png")).status).toBe(403);
        expect(await storage.exists("a.png")).toBe(false);
        expect((await put(png, "image/png")).status).toBe(200);
        const read = await fetch(await storage.getUrl("a.png"));
        expect(Buffer.from(await read.arrayBuffer())).toEqual(png);
      } finally {
        await app.close();
        await stop();
      }
    });
  },
);

describe("outside addStorage, where nothing serves URLs", () => {
  it.each([
    ["memory", () => new Storage(new MemoryBackend())],
    ["local", () => new Storage(new LocalBackend({ basePath: "/nowhere/but/never/reached" }))],
    ["easyStorage", () => easyStorage({ backend: "memory" }, {})],
  ])("%s has none, and getUrl and getUploadUrl say what to set", async (_kind, make) => {
    const storage: Storage = await make();
    expect(storage.capabilities).toMatchObject({ signGet: false, signPut: false, signSize: false });
    const refused = {
      code: "unsupported",
      message: expect.stringMatching(/addStorage.*serveFiles.*STORAGE_BASE_URL.*baseUrl/),
    };
    await expect(storage.getUrl("a")).rejects.toMatchObject(refused);
    await expect(storage.getUploadUrl("a", { contentType: "image/png" })).rejects.toMatchObject(refused);
  });

  it("put answers none, and the type says that it can be so", async () => {
    const { url }: { url: string | undefined } = await new Storage(new MemoryBackend()).put("a", "x");
    expect(url).toBeUndefined();
    // @ts-expect-error: a URL that may be none is no text.
    const text: string = url;
    expect(text).toBeUndefined();
  });
});
