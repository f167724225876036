import assert from "node:assert/strict";
import { StorageError, statusOfCode, TooLargeError } from "../../error.js";
import { Storage } from "../../storage.js";
import type { ConformanceCase } from "../case.js";
import { failure } from "../expect.js";

const strangeErrors: readonly unknown[] = [
  undefined,
  null,
  0,
  "text",
  Symbol("symbol"),
  {},
  [],
  new Error(""),
  Object.assign(new Error("x"), { code: 7, name: {}, cause: null }),
  Object.create(null),
  new Proxy({}, { get: () => undefined }),
];

export const failureCases: readonly ConformanceCase[] = [
  {
    name: "classify gives a known code for whatever was thrown, and never throws",
    async run({ backend }) {
      for (const error of strangeErrors) {
        assert.ok(backend.classify(error).code in statusOfCode);
      }
      assert.equal(backend.classify(new Error("nobody knows this one")).code, "unknown");
      assert.equal(backend.classify(new TooLargeError({ message: "x" })).code, "too_large");
    },
  },
  {
    name: "an error names the operation, the caller's key and the backend, and keeps its cause",
    async run({ backend, storage, at }) {
      const error = await failure(storage.get(at("missing")), "not_found");
      assert.deepEqual([error.operation, error.key, error.backend], ["get", at("missing"), backend.name]);
      assert.equal(error.statusCode, 404);
      assert.ok(error.cause !== undefined);
      const copied = await failure(storage.copy(at("missing"), at("to")), "not_found");
      assert.deepEqual([copied.operation, copied.key], ["copy", at("missing")]);
    },
  },
  {
    name: "check reaches the backend",
    async run({ storage }) {
      await storage.check();
    },
  },
  {
    name: "close can be called twice, and calls after it fail",
    isDestructive: true,
    async run({ create, at }) {
      const storage = new Storage(await create());
      await storage.put(at("object"), "content");
      await storage.delete(at("object"));
      await storage.close();
      await storage.close();
      const calls = [
        () => storage.put(at("object"), "content"),
        () => storage.get(at("object")),
        () => storage.check(),
      ];
      for (const call of calls) {
        const error = await call().then(
          () => undefined,
          (reason: unknown) => reason,
        );
        assert.ok(error instanceof StorageError && error.code !== "not_found", String(error));
      }
    },
  },
];
