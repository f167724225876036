import fc from "fast-check";
import { type Key, parseKey, parsePrefix, Storage } from "svc-infra/storage";
import { CloudinaryBackend } from "svc-infra/storage/cloudinary";
import { describe, expect, it } from "vitest";
import { PublicIds } from "#dist/storage/backends/cloudinary/public-id.js";
import { validKey } from "../../properties/arbitraries.js";
import { fresh, mp4, png } from "./fresh-backend.js";

const ids = new PublicIds("files");
const bytewise = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Keys of elements that Cloudinary keeps for itself, and of their neighbours. */
const awkwardKey = fc
  .array(fc.constantFrom("v1", "v1.", "v1-", "v10", "v", "images", "images.x", "videos", "a", "A", "z9"), {
    minLength: 1,
    maxLength: 40,
  })
  .map((elements) => elements.join("/").replace(/\.$/, ""))
  .map((key) => key.replaceAll("./", ".a/"));
const anyKey = fc.oneof(validKey, awkwardKey).map(parseKey);

describe("the address of a key", () => {
  it("is what Cloudinary documents as a public id, for any key", () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        const { publicId } = ids.addressOf(key);
        expect(publicId.length).toBeLessThanOrEqual(255);
        expect(publicId).toMatch(/^files\/[A-Za-z0-9._/\u00fe-]+$/);
        expect(publicId.split("/").slice(0, -1).join("\n")).not.toMatch(/^(?:v[0-9]+|images|videos)$/m);
      }),
      { numRuns: 1000 },
    );
  });

  it("leads back to the very same key", () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        const kept = ids.isLong(key) ? key : undefined;
        expect(ids.keyOf(ids.addressOf(key), kept)).toBe(key);
      }),
      { numRuns: 1000 },
    );
  });

  it("is another one for another key", () => {
    fc.assert(
      fc.property(anyKey, anyKey, (a, b) => {
        fc.pre(a !== b);
        expect(ids.addressOf(a)).not.toEqual(ids.addressOf(b));
      }),
    );
  });

  it("keeps the order of the keys' bytes, but for long ones that begin alike", () => {
    fc.assert(
      fc.property(anyKey, anyKey, (a, b) => {
        fc.pre(!(ids.isLong(a) && ids.isLong(b) && ids.groupOf(a) === ids.groupOf(b)));
        const order = Math.sign(bytewise(ids.addressOf(a).publicId, ids.addressOf(b).publicId));
        expect(order).toBe(Math.sign(bytewise(a, b)));
      }),
      { numRuns: 2000 },
    );
  });

  it("begins with the address of each of its prefixes", () => {
    fc.assert(
      fc.property(anyKey, fc.nat(), (key, length) => {
        const prefix = key.slice(0, length % (key.length + 1));
        fc.pre(!/(?:^|\/)\.$/.test(prefix));
        expect(ids.addressOf(key).publicId.startsWith(ids.startOf(parsePrefix(prefix)))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ["a.jpg", "image"],
    ["a.JPEG", "image"],
    ["dir.png/a", "raw"],
    ["a.mp4", "video"],
    ["a.pdf", "raw"],
    ["a.svg", "raw"],
    ["jpg", "raw"],
    [`${"long/".repeat(200)}a.webp`, "image"],
  ])("of %s is %s, by the extension alone", (key, resourceType) => {
    expect(ids.addressOf(parseKey(key)).resourceType).toBe(resourceType);
  });

  it("is no key for an asset that another tool put where no key leads", () => {
    for (const publicId of [
      "files/a.pdf",
      "files/a",
      "files/a b.png",
      "files/images/a.png",
      "files//a.png",
    ]) {
      expect(ids.keyOf({ resourceType: "image", publicId }, undefined)).toBeUndefined();
    }
    expect(ids.keyOf({ resourceType: "raw", publicId: "files/a.pdf" }, "b.pdf")).toBeUndefined();
  });
});

it.each(["", "a/b", "v1", "images", "ä", "x".repeat(65)])("a folder named %j is refused", (folder) => {
  expect(() => new PublicIds(folder)).toThrow(/STORAGE_CLOUDINARY_FOLDER/);
});

describe("a listing", () => {
  const shared = `${"shared/".repeat(40)}`;
  const names = [
    "a.png",
    "a.mp4",
    "a.txt",
    "a/b.png",
    "a/v1/c.txt",
    "a/v1.d/c.png",
    "a/v10/c.mp4",
    "images/x.txt",
    "images.old/x.png",
    ...["z", "b", "m", "a"].map((end) => `${shared}${end}.txt`),
    `${shared}b.png`,
    "z",
  ];
  const contentOf = (key: string) => (key.endsWith("png") ? png(key) : key.endsWith("mp4") ? mp4(key) : key);

  it("merges images, videos and raw files in the order of their keys, in pages of any size", async () => {
    const { storage } = await fresh();
    await Promise.all(names.map((key) => storage.put(key, contentOf(key))));
    const expected = [...names].sort(bytewise);
    for (const limit of [1, 2, 5, 100]) {
      const keys: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await storage.list({ limit, cursor });
        keys.push(...page.items.map(({ key }) => key));
        cursor = page.cursor;
      } while (cursor !== undefined);
      expect(keys, `pages of ${limit}`).toEqual(expected);
    }
    for (const prefix of ["a/v1", "a/v1/", "a/v1.", `${shared}b`, "images"]) {
      expect(await storage.listKeys({ prefix })).toEqual(expected.filter((key) => key.startsWith(prefix)));
    }
  });

  it("continues with a cursor in another process, and in no other listing", async () => {
    const { storage, double } = await fresh();
    for (const key of ["a/1", "a/2", "b/1", "b/2"]) await storage.put(key, "content");
    const { cursor } = await storage.list({ prefix: "a/", limit: 1 });
    const other = new Storage(new CloudinaryBackend(double.options));
    expect((await other.list({ prefix: "a/", cursor })).items.map(({ key }) => key)).toEqual(["a/2"]);
    for (const listing of [{ prefix: "b/" }, { prefix: "a" }, { prefix: "a/", delimiter: "/" }] as const) {
      await expect(storage.list({ ...listing, cursor })).rejects.toMatchObject({ code: "invalid_argument" });
    }
    await other.close();
  });

  it("is refused rather than told wrong when the service has another order", async () => {
    const { storage, double } = await fresh();
    for (const key of ["B", "a"]) await storage.put(key, "content");
    const { page } = double.assets;
    double.assets.page = (options) => {
      const found = page.call(double.assets, options);
      return { ...found, assets: found.assets.toReversed() };
    };
    await expect(storage.list()).rejects.toMatchObject({ code: "unsupported" });
  });

  it("leaves out what others put there under names that are no keys, and takes what is one", async () => {
    const { storage, double } = await fresh();
    await storage.put("own.txt", "content");
    const asset = { type: "authenticated", version: 1, content: png(), format: "png", context: {} };
    for (const publicId of ["files/ä.png", "files/photo", "other/a.png", "files/photo.png"]) {
      double.assets.put({ ...asset, resourceType: "image", publicId });
    }
    expect(await storage.listKeys()).toEqual(["own.txt", "photo.png"]);
    for (const limit of [1, 2, 10]) {
      const left: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await storage.list({ limit, cursor });
        left.push(...(page.passedOver ?? []));
        cursor = page.cursor;
      } while (cursor !== undefined);
      expect(left.sort(), `pages of ${limit}`).toEqual(["photo", "ä.png"]);
    }
    const { contentType, metadata } = await storage.getMetadata("photo.png");
    expect([contentType, metadata]).toEqual(["image/png", {}]);
    expect(Buffer.from(await storage.get("photo.png")).equals(png())).toBe(true);
  });
});

it("a key is at one place with any content: content that is no image is refused there", async () => {
  const { storage, double } = await fresh();
  await storage.put("a.png", png("old"));
  for (const content of ["text", ""]) {
    await expect(storage.put("a.png", content)).rejects.toMatchObject({ code: "unsupported_type" });
  }
  expect(double.assets.size).toBe(1);
  const key: Key = parseKey("a.png");
  expect(Buffer.from(await storage.get(key)).equals(png("old"))).toBe(true);
});
