import { easyStorage } from "svc-infra";
import { prefix, publicFiles, Storage, signing, UrlSigner } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { S3Backend } from "svc-infra/storage/s3";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const secrets = ["s".repeat(32)];
const day = 86_400;
/** The start of a window of one day. */
const midnight = Date.UTC(2026, 0, 2);
const memory = (): Storage =>
  new Storage(new MemoryBackend({ secrets, baseUrl: "http://127.0.0.1:1/files" }));
const s3 = (): Storage => new Storage(new S3Backend({ bucket: "files", accessKey: "id", secretKey: "key" }));

beforeEach(() => vi.useFakeTimers({ now: midnight, toFake: ["Date"] }));
afterEach(() => vi.useRealTimers());

it("getUploadUrl refuses a size that the storage does not take", async () => {
  const storage = new Storage(new MemoryBackend({ secrets, baseUrl: "http://127.0.0.1:1/files" }), {
    maxBytes: 1000,
  });
  const sign = (size: number) => storage.getUploadUrl("k.png", { contentType: "image/png", size });
  expect(await sign(1000)).toContain("/files/k.png?");
  await expect(sign(1001)).rejects.toMatchObject({ code: "too_large" });
});

describe("a URL that is stable for a day", () => {
  const options = { expiresIn: 60, stableFor: day };

  it.each([
    ["memory", memory],
    ["s3", s3],
  ])("of %s is the same until midnight, in every process, and another one after it", async (_name, make) => {
    const first = await make().getUrl("a.png", options);
    vi.setSystemTime(midnight + (day - 1) * 1000);
    expect(await make().getUrl("a.png", options)).toBe(first);
    vi.setSystemTime(midnight + day * 1000);
    expect(await make().getUrl("a.png", options)).not.toBe(first);
  });

  it("still lives for expiresIn in its last second", async () => {
    vi.setSystemTime(midnight + (day - 1) * 1000);
    const url = new URL(await memory().getUrl("a.png", options));
    expect(Number(url.searchParams.get("expires"))).toBe(midnight / 1000 + day + 60);
  });

  it("tells S3 the start of the window and the whole life", async () => {
    vi.setSystemTime(midnight + 5000);
    const { searchParams } = new URL(await s3().getUrl("a.png", options));
    expect(searchParams.get("X-Amz-Date")).toBe("20260102T000000Z");
    expect(searchParams.get("X-Amz-Expires")).toBe(String(day + 60));
  });
});

describe("an option of getUrl", () => {
  it("that is unknown is refused, with those that there are", async () => {
    const unknown = { expires: 60, expiresIn: undefined };
    await expect(memory().getUrl("a", unknown)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("expiresIn, stableFor"),
    });
  });
});

describe("a public file", () => {
  const isPublic = { public: true } as const;

  it("has a permanent URL under STORAGE_PUBLIC_URL", async () => {
    const env = { STORAGE_BACKEND: "memory", STORAGE_PUBLIC_URL: "https://cdn.example.com/f/" };
    const storage = await easyStorage({ baseUrl: "https://files.example.com/files" }, env);
    expect(await storage.getUrl("public/a.png", isPublic)).toBe("https://cdn.example.com/f/public/a.png");
    expect(await storage.getUrls(["public/a.png"], isPublic)).toEqual([
      "https://cdn.example.com/f/public/a.png",
    ]);
    expect(await storage.getUrl("public/a.png")).toContain("signature=");
  });

  it("is one under a prefix that is declared, and no other", async () => {
    const options = { publicUrl: "https://cdn.example.com", publicPrefixes: ["avatars/"] };
    const storage = await easyStorage({ backend: "memory", ...options }, {});
    expect(await storage.getUrl("avatars/a", isPublic)).toBe("https://cdn.example.com/avatars/a");
    for (const key of ["public/a", "avatars", "avatars2/a", "x/avatars/a"]) {
      await expect(storage.getUrl(key, isPublic)).rejects.toMatchObject({
        code: "invalid_argument",
        message: expect.stringMatching(/publicPrefixes .*STORAGE_PUBLIC_PREFIXES/),
      });
    }
  });

  it("is named by its whole key, below a prefix and a tenant too", async () => {
    const url = "https://cdn.example.com";
    const files = memory().with(publicFiles({ url, prefixes: ["acme/logos/", "x/public/"] }));
    expect(await files.forTenant("acme").getUrl("logos/a", isPublic)).toBe(`${url}/acme/logos/a`);
    expect(await files.with(prefix("x/")).getUrl("public/a", isPublic)).toBe(`${url}/x/public/a`);
    const refused = files.forTenant("other").getUrl("logos/a", isPublic);
    await expect(refused).rejects.toMatchObject({ message: expect.not.stringContaining("acme") });
  });

  it("keeps its URL where the file route signs the others", async () => {
    const url = "https://cdn.example.com";
    const signer = new UrlSigner({ baseUrl: "https://a.example/files", secrets });
    const storage = memory().with(signing(signer), publicFiles({ url }));
    const other = memory().with(publicFiles({ url }), signing(signer));
    for (const each of [storage, other]) {
      expect(await each.getUrl("public/a", isPublic)).toBe(`${url}/public/a`);
    }
  });

  it("has no such URL where nothing is set, and the error says what to set", async () => {
    await expect(memory().getUrl("public/a", isPublic)).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringMatching(/STORAGE_PUBLIC_URL.*publicUrl.*publicFiles/),
    });
  });

  it("takes no option that a permanent URL cannot keep", async () => {
    const storage = memory().with(publicFiles({ url: "https://cdn.example.com" }));
    await expect(storage.getUrl("public/a", { ...isPublic, expiresIn: 60 })).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("expiresIn"),
    });
  });

  it.each(["", "/", "public", "../", ".svc-infra/", "a//"])("is not declared by the prefix %j", (each) => {
    expect(() => publicFiles({ url: "https://cdn.example.com", prefixes: [each] })).toThrow("public prefix");
  });

  it.each(["cdn.example.com", "ftp://cdn.example.com", "https://cdn.example.com/?a"])(
    "is not served at %j",
    (url) => expect(() => publicFiles({ url })).toThrow("http or https URL"),
  );

  it("with settings that are wrong fails at start, naming the variables", async () => {
    const env = { STORAGE_PUBLIC_URL: "cdn", STORAGE_PUBLIC_PREFIXES: "public/, /" };
    await expect(easyStorage({}, env)).rejects.toThrow(
      /STORAGE_PUBLIC_URL[\s\S]*STORAGE_PUBLIC_PREFIXES|STORAGE_PUBLIC_PREFIXES[\s\S]*STORAGE_PUBLIC_URL/,
    );
  });
});
