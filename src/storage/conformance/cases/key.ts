import assert from "node:assert/strict";
import { prefix } from "../../layers/prefix.js";
import { Storage } from "../../storage.js";
import type { ConformanceCase } from "../case.js";
import { failure, sameBytes } from "../expect.js";
import { hostileKeys } from "../hostile-keys.js";
import { operationsOf } from "../operations.js";
import { RecordingBackend } from "../recording-backend.js";

/** Ordinary names that break code which uses objects as maps, parses numbers, or thinks of files and folders. */
const awkwardNames = [
  "__proto__",
  "constructor",
  "prototype",
  "hasOwnProperty",
  "toString",
  "null",
  "undefined",
  "007",
  "1e5",
  "-",
  "_",
  "-rf",
  ".hidden",
  "a.meta.json",
  "index.html",
  "CON",
  "nul.txt",
  "a.",
  "a.tmp",
  "x.svc-infra",
  "node_modules/.git/config",
  "folder/__proto__/polluted",
];

export const keyCases: readonly ConformanceCase[] = [
  {
    name: `${hostileKeys.length} hostile keys are invalid_key to every operation, and none reaches the backend`,
    async run({ backend }) {
      const recording = new RecordingBackend(backend);
      const storage = new Storage(recording);
      for (const key of [...hostileKeys, ""]) {
        for (const operation of operationsOf(storage)) {
          if (operation.takesPrefix && (key === "" || key === "/")) continue;
          await failure(operation.run(storage, key), "invalid_key");
        }
      }
      assert.deepEqual(recording.verbs, []);
    },
  },
  {
    name: "awkward but valid keys are ordinary objects",
    async run({ storage, at, folder }) {
      for (const name of awkwardNames) await storage.put(at(name), `content of ${name}`);
      for (const name of awkwardNames) {
        sameBytes(await storage.get(at(name)), Buffer.from(`content of ${name}`), name);
      }
      assert.deepEqual(await storage.listKeys({ prefix: folder }), awkwardNames.map(at).sort());
      for (const name of awkwardNames) assert.equal(await storage.exists(at(name)), true, name);
    },
  },
  {
    name: "names that differ only in case are different objects",
    async run({ storage, at }) {
      await storage.put(at("Name"), "upper");
      await storage.put(at("name"), "lower");
      assert.equal(await (await storage.open(at("Name"))).body.text(), "upper");
      assert.equal(await (await storage.open(at("name"))).body.text(), "lower");
    },
  },
  {
    name: "the longest key is an ordinary object",
    async run({ storage, at, folder, maxKeyLength }) {
      const segment = `${"k".repeat(99)}/`;
      const key = at(segment.repeat(20))
        .slice(0, maxKeyLength - 2)
        .concat("kk");
      assert.equal(key.length, maxKeyLength);
      await storage.put(key, "content");
      assert.equal(await (await storage.open(key)).body.text(), "content");
      assert.deepEqual(await storage.listKeys({ prefix: folder }), [key]);
      assert.equal(await storage.delete(key), true);
    },
  },
  {
    name: "the view of a tenant shows its own objects under short keys, and nothing of another",
    async run({ backend, at, folder }) {
      const one = new Storage(backend).with(prefix(`${folder}t1/`));
      const ten = new Storage(backend).with(prefix(`${folder}t10/`));
      await one.put("object", "of 1");
      await ten.put("object", "of 10");
      await ten.put("only/ten", "of 10");
      assert.deepEqual(await one.listKeys(), ["object"]);
      assert.equal(await (await one.open("object")).body.text(), "of 1");
      assert.equal((await one.getMetadata("object")).key, "object");
      assert.equal(await one.exists("only/ten"), false);
      const error = await failure(one.get("only/ten"), "not_found");
      assert.ok(!error.message.includes(at("")), `the message shows the tenant's prefix: ${error.message}`);
      assert.equal(error.key, "only/ten");
      assert.equal(await one.deletePrefix("object"), 0);
      assert.equal(await ten.exists("object"), true);
    },
  },
];
