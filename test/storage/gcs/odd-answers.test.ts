import { Storage } from "svc-infra/storage";
import { GcsBackend } from "svc-infra/storage/gcs";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../../rigs/fault-proxy.js";
import { startGcsDouble } from "../../rigs/gcs-double.js";

const rig = await startGcsDouble();
afterAll(() => rig.stop());

let proxy: FaultProxy;
let storage: Storage;
beforeEach(async () => {
  proxy = await startFaultProxy(rig.endpoint);
  const { bucket, owner: credentials } = rig;
  storage = new Storage(new GcsBackend({ bucket, credentials, endpoint: proxy.endpoint }));
  await storage.put("there", "precious");
});
afterEach(async () => {
  await storage.close();
  await proxy.stop();
});

/** Answers requests of a kind with a page that something in between made. */
function answerWith(body: string, isMeant: (method: string, url: string) => boolean): void {
  proxy.plan.mix(1, (_, { method = "", url = "" }) =>
    isMeant(method, url) ? { kind: "answer", status: 200, body } : undefined,
  );
}

const large = () => pieces(9 * 1_048_576);

it("an answer of the service is read up to a bound", async () => {
  const listing = JSON.stringify({ kind: "storage#objects", items: [], padding: "x".repeat(34_000_000) });
  answerWith(listing, (method, url) => method === "GET" && /\/o\?/.test(url));
  await expect(storage.list()).rejects.toMatchObject({ code: "unavailable" });
});

describe("an answer of 200 that is not the service's own is a failure", () => {
  const bodies = {
    "a page": "<html>sign in</html>",
    "a cut document": '{"name":"b"',
    "another document": '{"status":"ok"}',
  };
  const works: Readonly<
    Record<string, readonly [(method: string, url: string) => boolean, () => Promise<unknown>]>
  > = {
    delete: [(method) => method === "DELETE", () => storage.delete("there")],
    deleteMany: [
      (_, url) => url.startsWith("/batch"),
      () => storage.deleteMany(["there"]).then(([failure]) => Promise.reject(failure?.error)),
    ],
    "the start of an upload": [(method) => method === "POST", () => storage.put("b", large())],
    "the end of an upload": [(method) => method === "PUT", () => storage.put("b", large())],
    "a small put": [(method) => method === "POST", () => storage.put("b", "x")],
    copy: [(method) => method === "POST", () => storage.copy("there", "b")],
    getMetadata: [(method) => method === "GET", () => storage.getMetadata("there")],
    list: [(method) => method === "GET", () => storage.list()],
    check: [(method, url) => method === "GET" && /\/o\?/.test(url), () => storage.check()],
    "get, by the content": [(_, url) => /alt=media/.test(url), () => storage.get("there")],
    "the end of an upload in parts": [
      (method, url) => method === "GET" && /\/o\?/.test(url),
      async () => {
        const upload = await storage.createUpload("b");
        await upload.writePart(1, Buffer.alloc(6_000_000));
        await upload.complete();
      },
    ],
  };
  for (const [name, [isMeant, work]] of Object.entries(works)) {
    for (const [what, body] of Object.entries(bodies)) {
      it(`${name}, answered with ${what}`, async () => {
        answerWith(body, isMeant);
        await expect(work()).rejects.toMatchObject({ code: "unavailable" });
        proxy.plan.clear();
        expect(await storage.exists("there")).toBe(true);
        expect(await storage.exists("b")).toBe(false);
      });
    }
  }
});

it("content that is longer than it was said to be is a failure, and is not read to its end", async () => {
  const { etag } = await storage.getMetadata("there");
  const headers = { "x-goog-generation": etag };
  proxy.plan.mix(1, (_, { url = "" }) =>
    /alt=media/.test(url) ? { kind: "answer", status: 200, headers, body: "precious and more" } : undefined,
  );
  await expect(storage.get("there")).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("longer than what was asked for"),
  });
});

it("content that does not tell its version is refused at once, and the error names the variable", async () => {
  let asked = 0;
  proxy.plan.mix(1, (_, { url = "" }) => {
    if (!/alt=media/.test(url)) return undefined;
    asked += 1;
    return { kind: "answer", status: 200, body: "precious" };
  });
  await expect(storage.get("there")).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringMatching(/x-goog-generation.*STORAGE_GCS_ENDPOINT/),
  });
  expect(asked).toBe(1);
  await expect.poll(() => proxy.busy).toEqual([]);
});

describe("a listing that does not go on is an error after a few looks", () => {
  let count = 0;
  const item = (name: string) => ({
    name,
    size: "1",
    generation: "1",
    timeCreated: new Date(0),
    updated: new Date(0),
  });
  const answers: Readonly<Record<string, () => object>> = {
    "the same token again": () => ({ nextPageToken: "same" }),
    "two tokens in turn": () => ({ nextPageToken: `t${count++ % 2}` }),
    "a page that is repeated under fresh tokens": () => ({
      items: [item("k1"), item("k2")],
      nextPageToken: `t${count++}`,
    }),
    "names that are no keys, repeated": () => ({ items: [item("a b")], nextPageToken: `t${count++}` }),
  };
  const listings: Readonly<Record<string, () => Promise<unknown>>> = {
    "of all keys": () => all(storage.listAllKeys()),
    "of all objects": () => all(storage.listAll()),
    "by cursors": async () => {
      let cursor: string | undefined;
      do ({ cursor } = await storage.list({ limit: 2, cursor }));
      while (cursor !== undefined);
    },
    "of the parts of an upload": async () => {
      const { id } = await storage.createUpload("parts");
      return storage.resumeUpload("parts", id).listParts();
    },
  };
  for (const [what, answer] of Object.entries(answers)) {
    for (const [name, listing] of Object.entries(listings)) {
      it(`${name}: ${what}`, async () => {
        proxy.visits.length = 0;
        proxy.plan.mix(1, (_, { method, url = "" }) =>
          method === "GET" && /\/o\?/.test(url)
            ? { kind: "answer", status: 200, body: JSON.stringify({ kind: "storage#objects", ...answer() }) }
            : undefined,
        );
        await expect(listing()).rejects.toMatchObject({ code: "unavailable" });
        expect(proxy.visits.filter(({ target }) => /\/o\?/.test(target)).length).toBeLessThan(6);
      });
    }
  }
});

describe("a listing of the parts of an upload is a failure", () => {
  const whole = { size: "1", generation: "1", timeCreated: new Date(0) };
  it.each([
    ["without a size", { ...whole, size: undefined }],
    ["with a size that is no number", { ...whole, size: "x" }],
    ["without a generation", { ...whole, generation: undefined }],
    ["without a date", { ...whole, timeCreated: undefined }],
  ])("%s", async (_, facts) => {
    const { id } = await storage.createUpload("parts");
    const body = JSON.stringify({ kind: "storage#objects", items: [{ name: "part", ...facts }] });
    answerWith(body, (method, url) => method === "GET" && /\/o\?/.test(url));
    const listed = storage.resumeUpload("parts", id).listParts();
    await expect(listed).rejects.toMatchObject({ code: "unavailable" });
  });
});

async function all<T>(values: AsyncIterable<T>): Promise<readonly T[]> {
  const listed: T[] = [];
  for await (const value of values) {
    listed.push(value);
    if (listed.length > 100) throw new Error("the listing does not end");
  }
  return listed;
}

async function* pieces(bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += 65_536) yield Buffer.alloc(Math.min(65_536, bytes - at), "x");
}
