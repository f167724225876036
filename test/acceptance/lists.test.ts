import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Fastify, { type FastifyInstance } from "fastify";
import { addStorage } from "svc-infra";
import { LocalBackend } from "svc-infra/storage/local";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "lists-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each([
  ["memory", () => new MemoryBackend()],
  ["local", () => new LocalBackend({ basePath: folder })],
])("GET /_storage/list on %s", (_name, create) => {
  let app: FastifyInstance;
  const list = async (query: string) => {
    const answer = await app.inject(`/_storage/list${query}`);
    return { status: answer.statusCode, ...answer.json() };
  };

  beforeAll(async () => {
    app = Fastify();
    const storage = await addStorage(app, create(), { authorize: "open" });
    for (const key of ["a.txt", "b/1.txt", "b/2.txt", "c/d/e.txt"]) await storage.put(key, key);
  });
  afterAll(() => app.close());

  it("answers keys alone unless it is asked for more", async () => {
    const keys = ["a.txt", "b/1.txt", "b/2.txt", "c/d/e.txt"];
    expect(await list("")).toEqual({ status: 200, keys, count: 4, cursor: null });
  });

  it("with details tells the size and the date of each object", async () => {
    const { items } = await list("?prefix=b/&details=true");
    expect(items).toEqual(
      ["b/1.txt", "b/2.txt"].map((key) => ({ key, size: 7, lastModified: expect.any(String) })),
    );
    for (const { lastModified } of items) expect(Date.now() - Date.parse(lastModified)).toBeLessThan(600_000);
  });

  it("with a delimiter rolls folders up, page by page", async () => {
    expect(await list("?delimiter=/")).toMatchObject({ keys: ["a.txt"], count: 1, prefixes: ["b/", "c/"] });
    expect(await list("?delimiter=/&prefix=c/")).toMatchObject({ keys: [], prefixes: ["c/d/"] });
    const first = await list("?delimiter=/&limit=2");
    const second = await list(`?delimiter=/&limit=2&cursor=${encodeURIComponent(first.cursor)}`);
    expect([first.keys, first.prefixes, second.keys, second.prefixes]).toEqual([
      ["a.txt"],
      ["b/"],
      [],
      ["c/"],
    ]);
  });

  it.each(["?delimiter=-", "?details=yes", "?limit=0", "?limit=1001", "?limit=x"])(
    "refuses %s",
    async (query) => {
      expect((await list(query)).status).toBe(400);
    },
  );
});
