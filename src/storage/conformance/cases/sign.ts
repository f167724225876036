import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { UnsupportedOperationError } from "../../contract/error.js";
import type { ConformanceCase } from "../case.js";
import { failure } from "../expect.js";
import { cacheControlOf, isHonoured, tampered } from "../url-probe.js";

export const signCases: readonly ConformanceCase[] = [
  {
    name: "a signed URL reads its object, and put gives one with the object",
    needs: ["signGet"],
    async run({ backend, storage, at }) {
      const { url } = await storage.put(at("object.txt"), "content");
      assert.ok(url !== undefined && (await isHonoured(backend, "get", url)));
      const options = { download: true, filename: "名前 & co.txt", expiresIn: 60 };
      assert.ok(await isHonoured(backend, "get", await storage.getUrl(at("object.txt"), options)));
    },
  },
  {
    name: "a signed URL that was changed is refused",
    needs: ["signGet"],
    async run({ backend, storage, at }) {
      // Where there is no object a URL would be refused for that.
      for (const name of ["object", "objectx", "objec"]) await storage.put(at(name), "content");
      const url = await storage.getUrl(at("object"));
      for (const changed of tampered(url, at("object"))) {
        assert.equal(await isHonoured(backend, "get", changed), false, changed);
      }
    },
  },
  {
    name: "a URL signed to read does not write, and one signed to write does not read",
    needs: ["signGet", "signPut"],
    async run({ backend, storage, at }) {
      await storage.put(at("object"), "content");
      assert.equal(await isHonoured(backend, "put", await storage.getUrl(at("object"))), false);
      const upload = await storage.getUploadUrl(at("object"), { contentType: "text/plain" });
      assert.equal(await isHonoured(backend, "get", upload), false);
    },
  },
  {
    name: "a URL signed to write takes only the content type that was signed",
    needs: ["signPut"],
    async run({ backend, storage, at }) {
      const url = await storage.getUploadUrl(at("object"), { contentType: "text/plain" });
      assert.equal(await isHonoured(backend, "put", url, "text/html"), false);
      assert.equal(await isHonoured(backend, "put", url, "text/plain"), true);
      if ((await backend.signer()) !== undefined) return;
      assert.equal(await (await storage.open(at("object"))).body.text(), "content");
    },
  },
  {
    name: "a URL signed to write takes only as many bytes as were signed",
    needs: ["signPut", "signSize"],
    async run({ backend, storage, at }) {
      for (const [size, isRight] of [
        [7, true],
        [8, false],
        [6, false],
      ] as const) {
        const url = await storage.getUploadUrl(at("object"), { contentType: "text/plain", size });
        assert.equal(await isHonoured(backend, "put", url, "text/plain"), isRight, `${size} bytes`);
      }
    },
  },
  {
    name: "a signed URL expires",
    needs: ["signGet"],
    async run({ backend, storage, at }) {
      await storage.put(at("object"), "content");
      const url = await storage.getUrl(at("object"), { expiresIn: 1 });
      await sleep(2100);
      assert.equal(await isHonoured(backend, "get", url), false);
    },
  },
  {
    name: "how long a URL lives is whole seconds, 1 to seven days",
    needs: ["signGet"],
    async run({ storage, at }) {
      for (const expiresIn of [0, -1, 1.5, 604_801, Number.NaN, Number.POSITIVE_INFINITY]) {
        await failure(storage.getUrl(at("object"), { expiresIn }), "invalid_argument");
      }
      await storage.getUrl(at("object"), { expiresIn: 604_800 });
    },
  },
  {
    name: "a URL that is stable for a window is the same text in all of it",
    needs: ["signGet"],
    async run({ backend, storage, at }) {
      await storage.put(at("object"), "content");
      const options = { expiresIn: 60, stableFor: 500_000 };
      const url = await storage.getUrl(at("object"), options);
      await sleep(1100);
      assert.equal(await storage.getUrl(at("object"), options), url);
      assert.ok(await isHonoured(backend, "get", url));
      await failure(storage.getUrl(at("object"), { expiresIn: 604_800, stableFor: 1 }), "invalid_argument");
      await failure(storage.getUrl(at("object"), { stableFor: 0.5 }), "invalid_argument");
    },
  },
  {
    name: "the URLs of many objects come in the order of their keys, or not at all",
    needs: ["signGet"],
    async run({ backend, storage, at }) {
      const keys = Array.from({ length: 40 }, (_, index) => at(`object-${index}`));
      await storage.put(at("object-39"), "content");
      const urls = await storage.getUrls(keys, { stableFor: 500_000 });
      assert.equal(urls.length, keys.length);
      for (const [index, key] of keys.entries()) {
        assert.equal(urls[index], await storage.getUrl(key, { stableFor: 500_000 }));
      }
      assert.ok(await isHonoured(backend, "get", urls[39] ?? ""));
      await failure(storage.getUrls([at("object-1"), "../no-key"]), "invalid_key");
    },
  },
  {
    name: "the cache control that is signed into a URL is that of its answer, or the URL is refused as unsupported",
    needs: ["signGet"],
    async run({ backend, storage, at }) {
      const cacheControl = "private, max-age=1234";
      await storage.put(at("object"), "content");
      const url = await storage.getUrl(at("object"), { cacheControl }).catch((error: unknown) => {
        assert.ok(error instanceof UnsupportedOperationError);
      });
      if (url !== undefined) assert.equal(await cacheControlOf(backend, url), cacheControl);
      await failure(storage.getUrl(at("object"), { cacheControl: "a\nb" }), "invalid_argument");
    },
  },
  {
    name: "a URL is signed without looking whether there is an object",
    needs: ["signGet"],
    async run({ storage, at }) {
      assert.match(await storage.getUrl(at("missing")), /^https?:\/\//);
    },
  },
];
