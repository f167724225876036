import { setTimeout as sleep } from "node:timers/promises";
import type { Transform } from "svc-infra/storage";
import { describe, expect, it } from "vitest";
import { fresh, mp4, png } from "./fresh-backend.js";

const authTokenKey = "00112233445566778899aabbccddeeff";

/** The transformation that a URL asks for. */
function transformationIn(url: string): string | undefined {
  const { pathname, searchParams } = new URL(url);
  return searchParams.get("transformation") ?? /--\/(.*)\/v1\//.exec(pathname)?.[1];
}

describe("a URL of an object", () => {
  it("gives its bytes, and is an attachment by any name", async () => {
    const { storage } = await fresh();
    await storage.put("a/b.png", png("content"));
    const served = await fetch(
      await storage.getUrl("a/b.png", { download: true, filename: "名前 & Co.png" }),
    );
    const name = encodeURIComponent("名前 & Co.png");
    expect(served.headers.get("content-disposition")).toBe(`attachment; filename*=UTF-8''${name}`);
    expect(Buffer.from(await served.arrayBuffer()).equals(png("content"))).toBe(true);
  });

  it("cannot be read without a signature, on no way", async () => {
    const { storage, double } = await fresh();
    await storage.put("b.png", png());
    const { cdnUrl, cloudName, endpoint } = double.options;
    for (const target of [
      `${cdnUrl}/image/authenticated/v1/files/b.png.png`,
      `${cdnUrl}/image/upload/v1/files/b.png.png`,
      `${endpoint}/v1_1/${cloudName}/image/download?public_id=files/b.png&type=authenticated`,
    ]) {
      expect((await fetch(target)).ok, target).toBe(false);
    }
  });
});

describe("a URL of a transform", () => {
  it.each<readonly [Transform, string]>([
    [{}, "f_auto,q_auto"],
    [{ width: 200 }, "c_limit,w_200/f_auto,q_auto"],
    [{ width: 200, height: 100, fit: "cover" }, "c_fill,h_100,w_200/f_auto,q_auto"],
    [{ width: 200, height: 100, fit: "contain" }, "c_pad,h_100,w_200/f_auto,q_auto"],
    [{ height: 100, fit: "fill" }, "c_scale,h_100/f_auto,q_auto"],
    [{ format: "jpeg", quality: 80 }, "f_jpg,q_80"],
    [{ format: "webp", quality: "auto" }, "f_webp,q_auto"],
  ])("of %j asks for %s, and the service takes it", async (transform, expected) => {
    const { storage } = await fresh();
    await storage.put("a/b.png", png());
    const url = await storage.getUrl("a/b.png", { transform });
    expect(transformationIn(url)).toBe(expected);
    expect((await fetch(url)).status).toBe(200);
  });

  it("that was changed is refused", async () => {
    for (const delivery of ["api", "cdn-permanent", "cdn-token"] as const) {
      const { storage, double } = await fresh({ delivery, authTokenKey }, { authTokenKey });
      await storage.put("a/b.png", png());
      const { cdnUrl } = double.options;
      const url = await storage.getUrl("a/b.png", { transform: { width: 200 } });
      expect(url.startsWith(delivery === "api" ? double.endpoint : cdnUrl)).toBe(true);
      expect((await fetch(url)).status).toBe(200);
      for (const changed of [url.replace("w_200", "w_201"), url.replace("b.png", "c.png")]) {
        expect(changed).not.toBe(url);
        expect((await fetch(changed)).ok, changed).toBe(false);
      }
    }
  });

  it("ends at its time from the API and with a token, and never as cdn-permanent", async () => {
    const ends: Record<string, boolean> = {};
    await Promise.all(
      (["api", "cdn-token", "cdn-permanent"] as const).map(async (delivery) => {
        const { storage } = await fresh({ delivery, authTokenKey }, { authTokenKey });
        await storage.put("b.png", png());
        const url = await storage.getUrl("b.png", { transform: { width: 9 }, expiresIn: 1 });
        await sleep(2100);
        ends[delivery] = !(await fetch(url)).ok;
      }),
    );
    expect(ends).toEqual({ api: true, "cdn-token": true, "cdn-permanent": false });
  });

  it("that is to be saved comes from the API, with any delivery", async () => {
    const { storage, double } = await fresh({ delivery: "cdn-permanent" });
    await storage.put("b.png", png());
    const url = await storage.getUrl("b.png", { transform: { width: 9 }, download: true });
    expect(url.startsWith(`${double.endpoint}/v1_1/`)).toBe(true);
    expect((await fetch(url)).headers.get("content-disposition")).toBe('attachment; filename="b.png"');
  });

  it("of a video asks for the formats of videos", async () => {
    const { storage } = await fresh({ delivery: "cdn-permanent" });
    await storage.put("images/a.mp4", mp4());
    const url = await storage.getUrl("images/a.mp4", { transform: { width: 9, format: "webm" } });
    const served = await fetch(url);
    expect([served.status, served.headers.get("content-type")]).toEqual([200, "video/webm"]);
    const avif = storage.getUrl("images/a.mp4", { transform: { format: "avif" } });
    await expect(avif).rejects.toMatchObject({ code: "invalid_argument" });
    const film = storage.getUrl("a.png", { transform: { format: "mp4" } });
    await expect(film).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it.each(["a.pdf", "a.txt", "a"])("of %s, which is no image and no video, is unsupported", async (key) => {
    const { storage } = await fresh();
    const refused = { name: "UnsupportedOperationError", code: "unsupported" };
    await expect(storage.getUrl(key, { transform: {} })).rejects.toMatchObject(refused);
  });

  it("has its CDN where cdnUrl says, with the cloud in its path or in its name", async () => {
    const { storage } = await fresh({
      delivery: "cdn-permanent",
      cdnUrl: "https://testcloud-res.cloudinary.com",
    });
    const url = await storage.getUrl("a/b.png", { transform: { width: 9 } });
    expect(url).toMatch(
      /^https:\/\/testcloud-res\.cloudinary\.com\/image\/authenticated\/s--[\w-]{32}--\/c_limit,w_9\/f_auto,q_auto\/v1\/files\/a\/b\.png\.png$/,
    );
  });
});

describe("the form of a direct upload", () => {
  it("is not promised for longer than the service takes it", async () => {
    const { storage } = await fresh();
    const options = { size: 5, contentType: "text/plain" };
    const asked = storage.prepareUpload("a.txt", { ...options, expiresIn: 3602 });
    await expect(asked).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("at most 3600"),
    });
    const { expiresAt } = await storage.prepareUpload("a.txt", { ...options, expiresIn: 3600 });
    expect(expiresAt.getTime()).toBeLessThanOrEqual(Date.now() + 3_601_000);
  });
});
