import assert from "node:assert/strict";
import { StorageError, statusOfCode, TooLargeError } from "../../contract/error.js";
import { prefix } from "../../layers/prefix.js";
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

/** Each as it is, and as it reads when it is decoded. */
async function cursorsOf(view: Storage): Promise<readonly string[]> {
  const pages = [await view.list({ limit: 1 }), await view.list({ limit: 1, delimiter: "/" })];
  return pages
    .map(({ cursor = "" }) => cursor)
    .flatMap((cursor) => [
      cursor,
      decodeURIComponent(cursor),
      ...(["base64", "hex"] as const).map((encoding) => Buffer.from(cursor, encoding).toString("latin1")),
    ]);
}

async function messagesOf(view: Storage, maxKeyLength: number): Promise<readonly string[]> {
  const longest = "k".repeat(maxKeyLength);
  const calls = [
    view.get("missing"),
    view.copy("missing", "d"),
    view.put("b/under-an-object", "content"),
    view.put("a", "over a folder"),
    view.open("b", { ifMatch: "another" }),
    view.open("b", { range: { start: 99, end: undefined } }),
    view.list({ cursor: "nobody-made-this" }),
    view.put(longest, "content"),
    view.list({ prefix: longest }),
  ];
  const outcomes = await Promise.allSettled(calls);
  return outcomes.map((each) => (each.status === "rejected" ? String(each.reason) : ""));
}

export const failureCases: readonly ConformanceCase[] = [
  {
    name: "classify gives a known code for any thrown value, and never throws",
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
    name: "neither cursors nor errors tell what lies above a view",
    async run({ storage, at, maxKeyLength }) {
      const view = storage.with(prefix(at("above/")));
      for (const name of ["a/b", "b", "c"]) await view.put(name, "content");
      const told = [...(await cursorsOf(view)), ...(await messagesOf(view, maxKeyLength))];
      assert.ok(told.length > 4);
      for (const text of told) assert.ok(!text.includes("above"), `'${text}' tells what lies above`);
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
