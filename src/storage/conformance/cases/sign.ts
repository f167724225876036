import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { ConformanceCase } from "../case.js";
import { failure } from "../expect.js";
import { isHonoured, tampered } from "../url-probe.js";

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
      await storage.put(at("object"), "content");
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
    name: "a URL is signed without looking whether there is an object",
    needs: ["signGet"],
    async run({ storage, at }) {
      assert.match(await storage.getUrl(at("missing")), /^https?:\/\//);
    },
  },
];
