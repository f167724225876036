import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { StorageError } from "../../contract/error.js";
import type { Storage } from "../../storage.js";
import type { ConformanceCase } from "../case.js";
import { failure, sameBytes } from "../expect.js";
import { oddPieces, sampleBytes } from "../samples.js";

const racers = 100;

/** A reader whose version is replaced half-way may be told that it is not to be had any more. */
const mayTryAgain: ReadonlySet<string> = new Set(["precondition_failed", "unavailable"]);

async function increment(storage: Storage, key: string): Promise<void> {
  for (;;) {
    try {
      const { etag, body } = await storage.open(key);
      await storage.put(key, String(Number(await body.text()) + 1), { ifMatch: etag });
      return;
    } catch (error) {
      if (!(error instanceof StorageError) || !mayTryAgain.has(error.code)) throw error;
    }
  }
}

export const conditionCases: readonly ConformanceCase[] = [
  {
    name: "ifAbsent writes where there is nothing and never replaces an object",
    needs: ["ifAbsent"],
    async run({ storage, at }) {
      await storage.put(at("object"), "first", { ifAbsent: true });
      await failure(storage.put(at("object"), "second", { ifAbsent: true }), "precondition_failed");
      assert.equal(await (await storage.open(at("object"))).body.text(), "first");
      await storage.delete(at("object"));
      await storage.put(at("object"), "third", { ifAbsent: true });
      assert.equal(await (await storage.open(at("object"))).body.text(), "third");
    },
  },
  {
    name: `of ${racers} writers with ifAbsent exactly one wins, and its content is there`,
    needs: ["ifAbsent"],
    async run({ storage, at }) {
      const attempts = Array.from({ length: racers }, (_, index) =>
        storage.put(
          at("object"),
          index % 2 === 0 ? `writer ${index}` : oddPieces(Buffer.from(`writer ${index}`)),
          {
            ifAbsent: true,
          },
        ),
      );
      const results = await Promise.allSettled(attempts);
      const winners = results.flatMap(({ status }, index) => (status === "fulfilled" ? [index] : []));
      assert.equal(winners.length, 1, `${winners.length} writers won`);
      for (const attempt of attempts.filter((_, index) => index !== winners[0])) {
        await failure(attempt, "precondition_failed");
      }
      assert.equal(await (await storage.open(at("object"))).body.text(), `writer ${winners[0]}`);
    },
  },
  {
    name: "ifMatch writes only over that version",
    needs: ["ifMatch"],
    async run({ storage, at }) {
      const first = await storage.put(at("object"), "first");
      const second = await storage.put(at("object"), "second", { ifMatch: first.etag });
      await failure(storage.put(at("object"), "third", { ifMatch: first.etag }), "precondition_failed");
      await failure(
        storage.put(at("object"), "third", { ifMatch: "no such version" }),
        "precondition_failed",
      );
      assert.equal((await storage.getMetadata(at("object"))).etag, second.etag);
      sameBytes(await storage.get(at("object")), Buffer.from("second"));
    },
  },
  {
    name: "ifMatch writes nothing where there is no object",
    needs: ["ifMatch"],
    async run({ storage, at }) {
      const { etag } = await storage.put(at("object"), "first");
      await storage.delete(at("object"));
      await failure(
        storage.put(at("object"), "second", { ifMatch: etag }),
        "precondition_failed",
        "not_found",
      );
      assert.equal(await storage.exists(at("object")), false);
    },
  },
  {
    name: "a counter that 20 workers increment by compare-and-swap ends exact",
    needs: ["ifMatch"],
    async run({ storage, at }) {
      await storage.put(at("counter"), "0");
      const worker = async () => {
        for (let turn = 0; turn < 2; turn++) await increment(storage, at("counter"));
      };
      await Promise.all(Array.from({ length: 20 }, worker));
      assert.equal(await (await storage.open(at("counter"))).body.text(), "40");
    },
  },
  {
    name: "a conditional write that is refused destroys its source",
    needs: ["ifAbsent"],
    async run({ storage, at }) {
      await storage.put(at("object"), "first");
      const source = Readable.from(oddPieces(sampleBytes(500_000)), { objectMode: false });
      await failure(storage.put(at("object"), source, { ifAbsent: true }), "precondition_failed");
      assert.equal(source.destroyed, true);
    },
  },
  {
    name: "ifAbsent and ifMatch together are invalid_argument",
    needs: ["ifAbsent", "ifMatch"],
    async run({ storage, at }) {
      await failure(storage.put(at("object"), "x", { ifAbsent: true, ifMatch: "x" }), "invalid_argument");
      assert.equal(await storage.exists(at("object")), false);
    },
  },
];

/** What a backend cannot do is refused before any byte moves. */
export const inabilityCases: readonly ConformanceCase[] = [
  {
    name: "a call that needs a missing capability is unsupported and touches nothing",
    async run({ storage, at }) {
      const { capabilities } = storage;
      const calls = [
        !capabilities.ifAbsent && storage.put(at("object"), "x", { ifAbsent: true }),
        !capabilities.ifMatch && storage.put(at("object"), "x", { ifMatch: "x" }),
        !capabilities.conditionalRemove && storage.delete(at("object"), { ifMatch: "x" }),
        !capabilities.multipart && storage.createUpload(at("object")),
        !capabilities.signGet && storage.getUrl(at("object")),
        capabilities.signGet &&
          !capabilities.transform &&
          storage.getUrl(at("object"), { transform: { width: 1 } }),
        !capabilities.signPut && storage.getUploadUrl(at("object"), { contentType: "text/plain" }),
        capabilities.signPut &&
          !capabilities.signSize &&
          storage.getUploadUrl(at("object"), { contentType: "text/plain", size: 1 }),
        capabilities.multipart &&
          capabilities.ifAbsent &&
          !capabilities.conditionalComplete &&
          storage
            .resumeUpload(at("object"), "id")
            .complete({ ifAbsent: true, parts: [{ number: 1, etag: "x", size: 1 }] }),
      ];
      for (const call of calls) if (call !== false) await failure(call, "unsupported");
      assert.equal(await storage.exists(at("object")), false);
    },
  },
];
