import { createHash, randomBytes } from "node:crypto";
import {
  announce,
  type ObjectStat,
  type Prefix,
  type PreparedUpload,
  Storage,
  type StorageBackend,
} from "svc-infra/storage";
import type { Scanner } from "svc-infra/storage/policy";
import { describe, expect, it } from "vitest";
import { stagingRoot } from "#dist/storage/contract/key.js";

/** How often a promotion is raced; more than the few of every day by RACE_ROUNDS. */
const rounds = Number(process.env.RACE_ROUNDS ?? 20);
const partsOfTest = 3 * 16 * 1024 * 1024;

/** Sends a part, and again where the connection broke, as the page does. */
async function sendPart(url: string, request: RequestInit): Promise<number> {
  const { status } = await fetch(url, request).catch(() => fetch(url, request));
  return status;
}

/** What clients do, as the page does it. */
async function bring(upload: PreparedUpload, content: Uint8Array<ArrayBuffer>): Promise<readonly number[]> {
  if (upload.parts.length > 0) {
    return Promise.all(
      upload.parts.map(({ url, method, headers, start, end }) =>
        sendPart(url, { method, headers, body: content.subarray(start, end) }),
      ),
    );
  }
  const { url = "", method, headers, fields } = upload;
  if (method === "PUT") return [(await fetch(url, { method, headers, body: content })).status];
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  form.set("file", new Blob([content]));
  return [(await fetch(url, { method, headers, body: form })).status];
}

/** Of the sender's own, where the service lets it; among them what `put` would refuse and a stat does not tell. */
const hostileFields = {
  "cache-control": "public,  max-age=31536000",
  "content-disposition": "inline",
  "x-ms-blob-cache-control": "public,  max-age=31536000",
  "x-ms-blob-content-disposition": "inline",
};
/** As hostile as they are, but hidden behind what the holder was given. */
const hiddenFields = {
  "x-ms-blob-cache-control": "public,  max-age=31536000",
  "x-ms-blob-content-encoding": ",br",
  "x-ms-meta-other": " ",
};
const servedFields = ["content-type", "content-disposition", "cache-control", "content-encoding"];

const sumOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Finds nothing, and notes what it looked at. */
function watching(): Scanner & { readonly seen: string[]; onEnd: () => Promise<unknown> } {
  const seen: string[] = [];
  const scanner = {
    name: "watching",
    maxBytes: Number.POSITIVE_INFINITY,
    seen,
    onEnd: async (): Promise<unknown> => undefined,
    async begin() {
      const sum = createHash("sha256");
      return {
        pass: async (piece: Uint8Array) => void sum.update(piece),
        end: async () => {
          seen.push(sum.digest("hex"));
          await scanner.onEnd();
          return { isClean: true } as const;
        },
        cancel: () => undefined,
      };
    },
    check: async () => undefined,
  };
  return scanner;
}

type Moment = (name: PropertyKey, key: string) => boolean;

const isObject = (key: string) => !key.startsWith(stagingRoot);
/** When a process dies amid a completion. */
const moments: Readonly<Record<string, Moment>> = {
  joined: (name) => name === "completeUpload",
  published: (name, key) => (name === "copy" || name === "write") && isObject(key),
  marked: (name, key) => name === "write" && key.endsWith("/lease"),
};

/** The backend of a process that dies: no call after the fatal one reaches the service. */
function dyingAt(named: string, backend: StorageBackend): StorageBackend {
  let isDead = false;
  const call = async (name: PropertyKey, work: (...given: unknown[]) => unknown, given: unknown[]) => {
    if (isDead) throw new Error("the process is dead");
    const done = await work.apply(backend, given);
    isDead = moments[named]?.(name, String(given[name === "copy" ? 1 : 0])) ?? true;
    if (isDead) throw new Error("the process dies");
    return done;
  };
  return new Proxy(backend, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function" || name === "classify") return value;
      return (...given: unknown[]) => call(name, value, given);
    },
  });
}

/** What every service has to do with content that clients send straight to it. */
export function directSuite(name: string, create: () => StorageBackend): void {
  describe(`direct uploads to ${name}`, () => {
    const backend = create();
    const storage = new Storage(backend, { policy: { types: ["text/plain", "application/zip"] } });
    const text = "text/plain; charset=utf-8";

    const staged = async () => {
      const asked = {
        delimiter: undefined,
        cursor: undefined,
        limit: 1000,
        details: false,
        signal: undefined,
      };
      const { items } = await backend.list({ ...asked, prefix: stagingRoot as Prefix });
      return items.map(({ key }) => key);
    };

    it("are the object with its description when they are complete, and not before", async () => {
      const content = Buffer.from("hello");
      const described = { filename: "grüße.txt", metadata: { a: "1", b: "ü" }, cacheControl: "no-cache" };
      const upload = await storage.prepareUpload("d/a.txt", { size: 5, contentType: text, ...described });
      const [status = 0] = await bring(upload, content);
      expect(status).toBeLessThan(300);
      expect(await storage.exists("d/a.txt")).toBe(false);
      expect(await storage.listKeys({ prefix: "d/" })).toEqual([]);
      const stored = await storage.completeUpload(upload.id);
      expect(stored).toMatchObject({ key: "d/a.txt", size: 5, contentType: text, ...described });
      expect((await storage.completeUpload(upload.id)).etag).toBe(stored.etag);
      expect(Buffer.from(await storage.get("d/a.txt"))).toEqual(content);
      expect(await storage.getMetadata("d/a.txt")).toMatchObject({ contentType: text, ...described });
      expect(await staged()).toEqual([expect.stringMatching(/lease$/)]);
      await storage.sweep({ now: new Date(Date.now() + 8e6) });
      expect(await staged()).toEqual([]);
    });

    it("are refused with another type, length or checksum, and leave nothing", async () => {
      const html = Buffer.from("<html>");
      const cases = [
        [{ size: 6, contentType: text }, html],
        [{ size: 5, contentType: text }, Buffer.from("hello!")],
        [{ size: 5, contentType: text, checksum: `sha256:${sumOf(html)}` as const }, Buffer.from("hello")],
      ] as const;
      for (const [options, content] of cases) {
        const upload = await storage.prepareUpload("d/b.txt", options);
        const [status = 0] = await bring(upload, content);
        const error = await storage.completeUpload(upload.id).catch((refused: unknown) => refused);
        // The service may refuse it; then there is nothing to complete.
        const codes = status < 300 ? /unsupported_type|invalid_argument|checksum_mismatch/ : /not_found/;
        expect(Object(error).code).toMatch(codes);
        await storage.abortUpload(upload.id);
      }
      expect(await storage.exists("d/b.txt")).toBe(false);
      expect(await staged()).toEqual([]);
    });

    it.each([
      ["without a file name", {}, {}],
      ["with a file name", { filename: "a.html" }, {}],
      ["whose sender adds fields", {}, hostileFields],
      ["whose sender adds fields to a file name", { filename: "a.html" }, hostileFields],
      ["whose sender adds only what a stat does not tell", {}, hiddenFields],
    ])("%s are served as what was put, so that no browser runs them", async (_what, described, fields) => {
      const anything = new Storage(backend, { policy: { metadata: {} } });
      const content = Buffer.from("<script>alert(1)</script>");
      const options = { size: content.byteLength, contentType: "text/html", ...described };
      const upload = await anything.prepareUpload("d/x/a.html", options);
      const headers = Object.fromEntries(
        Object.entries(upload.headers).filter(([name]) => !(name in fields)),
      );
      const [status = 0] = await bring({ ...upload, headers: { ...headers, ...fields } }, content);
      if (status >= 300) return anything.abortUpload(upload.id);
      await anything.completeUpload(upload.id);
      await anything.put("d/y/a.html", content, options);
      const served = async (key: string) => (await fetch(await anything.getUrl(key))).headers;
      const [direct, put] = [await served("d/x/a.html"), await served("d/y/a.html")];
      for (const field of servedFields) expect(direct.get(field), field).toBe(put.get(field));
      await anything.sweep({ now: new Date(Date.now() + 8e6) });
    });

    it.runIf(backend.capabilities.direct === "parts")("go in parts when they are large", async () => {
      const content = randomBytes(partsOfTest);
      content.write("PK\u0003\u0004");
      const options = { size: content.byteLength, contentType: "application/zip", filename: "ü.zip" };
      const upload = await storage.prepareUpload("d/c.zip", options);
      expect(upload.parts).toHaveLength(3);
      const [first, ...rest] = upload.parts;
      expect(Math.max(...(await bring({ ...upload, parts: rest }, content)))).toBeLessThan(300);
      const early = storage.completeUpload(upload.id);
      await expect(early).rejects.toMatchObject({ message: expect.stringContaining("part 1 of 3") });
      if (first !== undefined) await bring({ ...upload, parts: [first] }, content);
      const stored = await storage.completeUpload(upload.id);
      expect(stored).toMatchObject({ size: content.byteLength, filename: "ü.zip" });
      expect(sumOf(await storage.get("d/c.zip"))).toBe(sumOf(content));
      await storage.sweep({ now: new Date(Date.now() + 8e6) });
      expect(await staged()).toEqual([]);
    });

    it.runIf(backend.capabilities.direct === "parts")(
      "are refused in parts with another type, length or checksum, and leave nothing",
      async () => {
        const size = 2 * 16 * 1024 * 1024 + 1;
        const html = Buffer.alloc(size, "<html>");
        const zip = Buffer.alloc(size, "PK\u0003\u0004");
        const zipped = { size, contentType: "application/zip" };
        const cases = [
          [zipped, html, "unsupported_type"],
          [{ ...zipped, size: size + 5 }, zip, "invalid_argument"],
          [{ ...zipped, checksum: `sha256:${sumOf(html)}` as const }, zip, "checksum_mismatch"],
        ] as const;
        for (const [options, content, code] of cases) {
          const upload = await storage.prepareUpload("d/p.zip", options);
          const statuses = await bring(upload, content);
          const error = await storage.completeUpload(upload.id).catch((refused: unknown) => refused);
          // A service that signs lengths refuses the part itself; then it is missing.
          expect(Object(error).code).toBe(Math.max(...statuses) < 300 ? code : "invalid_argument");
          await storage.abortUpload(upload.id);
          expect(await staged()).toEqual([]);
        }
        expect(await storage.exists("d/p.zip")).toBe(false);
      },
    );

    it.runIf(backend.capabilities.multipart)("and uploads in parts are checked at completion", async () => {
      const upload = await storage.createUpload("d/m.txt", { contentType: text });
      await upload.writePart(1, "<html>");
      await expect(upload.complete()).rejects.toMatchObject({ code: "unsupported_type" });
      expect(await staged()).toEqual([]);
      const sound = await storage.createUpload("d/m.txt", { contentType: text, filename: "ü.txt" });
      await storage.resumeUpload("d/m.txt", sound.id).writePart(1, "hello");
      const parts = await sound.listParts();
      expect(await storage.exists("d/m.txt")).toBe(false);
      const stored = await storage.resumeUpload("d/m.txt", sound.id).complete({ parts });
      expect(stored).toMatchObject({ key: "d/m.txt", size: 5, filename: "ü.txt" });
      await storage.sweep({ now: new Date(Date.now() + 7e8) });
      expect(await staged()).toEqual([]);
    });

    it.runIf(backend.capabilities.ifAbsent)(
      "answer the same to completions at once, with a condition",
      async () => {
        const scanner = watching();
        const scanned = new Storage(backend, { policy: { scan: scanner } });
        for (let round = 0; round < rounds; round++) {
          const key = `twice/${round}`;
          const upload = await scanned.prepareUpload(key, { size: 5, contentType: text, ifAbsent: true });
          await bring(upload, Buffer.from(`t${String(round).padStart(4, "0")}`));
          // In even rounds one is held until another one is done, with all that it has read of the upload.
          let isOtherDone = round % 2 === 1;
          scanner.onEnd = async () => {
            scanner.onEnd = nothing;
            await expect.poll(() => isOtherDone, { timeout: 20_000 }).toBe(true);
          };
          const held = scanned.completeUpload(upload.id);
          await expect.poll(() => isOtherDone || scanner.onEnd === nothing).toBe(true);
          const other = scanned.completeUpload(upload.id);
          void other.catch(nothing).then(() => {
            isOtherDone = true;
          });
          const { etag } = await other;
          expect((await held).etag).toBe(etag);
          expect((await scanned.completeUpload(upload.id)).etag).toBe(etag);
          expect((await scanned.getMetadata(key)).etag).toBe(etag);
          scanner.onEnd = nothing;
        }
        await scanned.sweep({ now: new Date(Date.now() + 8e6) });
      },
    );

    it.runIf(backend.capabilities.ifAbsent)("of equal content with ifAbsent have one winner", async () => {
      const uploads = await Promise.all(
        Array.from({ length: 4 }, async () => {
          const options = { size: 5, contentType: text, ifAbsent: true } as const;
          const upload = await storage.prepareUpload("d/one.txt", options);
          await bring(upload, Buffer.from("hello"));
          return upload.id;
        }),
      );
      const done = await Promise.allSettled(uploads.map((id) => storage.completeUpload(id)));
      expect(done.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      await storage.sweep({ now: new Date(Date.now() + 8e6) });
      expect(await staged()).toEqual([]);
    });

    it.runIf(backend.capabilities.ifAbsent)("are told of when a completion is repeated", async () => {
      const told: string[] = [];
      let isAway = true;
      const news = {
        created: async ({ key }: ObjectStat) => {
          if (isAway) throw new Error("the outbox is away");
          told.push(key);
        },
        deleted: nothing,
      };
      const announced = new Storage(announce(news)(backend), { policy: { types: ["text/plain"] } });
      const options = { size: 5, contentType: text, ifAbsent: true } as const;
      const upload = await announced.prepareUpload("d/told.txt", options);
      await bring(upload, Buffer.from("hello"));
      await expect(announced.completeUpload(upload.id)).rejects.toMatchObject({ code: "unavailable" });
      isAway = false;
      expect(await announced.completeUpload(upload.id)).toMatchObject({ key: "d/told.txt", size: 5 });
      expect(told).toEqual(["d/told.txt"]);
      await announced.sweep({ now: new Date(Date.now() + 8e6) });
    });

    it
      .runIf(backend.capabilities.ifAbsent)
      .each(
        Object.keys(moments).filter((each) => each !== "joined" || backend.capabilities.direct === "parts"),
      )("are complete although a process died when one was %s", async (moment) => {
      const size = moment === "joined" ? 2 * 16 * 1024 * 1024 + 1 : 100;
      const content = Buffer.alloc(size, "PK\u0003\u0004");
      const key = `d/${moment}.zip`;
      const options = { size, contentType: "application/zip", ifAbsent: true } as const;
      const upload = await storage.prepareUpload(key, options);
      await bring(upload, content);
      const dying = new Storage(dyingAt(moment, backend), { policy: { types: ["application/zip"] } });
      await expect(dying.completeUpload(upload.id)).rejects.toThrow();
      expect(await storage.completeUpload(upload.id)).toMatchObject({ key, size });
      expect(sumOf(await storage.get(key))).toBe(sumOf(content));
      await storage.sweep({ now: new Date(Date.now() + 8e6) });
      expect(await staged()).toEqual([]);
    });

    it.runIf(backend.capabilities.multipart)(
      "and uploads in parts leave nothing when they are aborted late",
      async () => {
        const away = { ...watching(), begin: async () => Promise.reject(new Error("the scanner is away")) };
        const scanned = new Storage(backend, { policy: { scan: away } });
        const upload = await scanned.createUpload("d/late.txt", { contentType: text });
        await upload.writePart(1, "hello");
        await expect(upload.complete()).rejects.toThrow("the backend failed");
        await upload.abort();
        expect(await staged()).toEqual([]);
        await upload.abort();
      },
    );

    it("publish what was checked, however the holder of the request writes meanwhile", async () => {
      const scanner = watching();
      const scanned = new Storage(backend, { policy: { scan: scanner } });
      let published = 0;
      for (let round = 0; round < rounds; round++) published += await race(scanned, scanner, round);
      expect(published).toBeGreaterThan(0);
      await scanned.sweep({ now: new Date(Date.now() + 8e6) });
    });

    it.each([
      ["always", false],
      ["if absent", true],
    ])(
      "publish no other type than was checked, %s, however the content is replaced",
      async (_when, ifAbsent) => {
        if (ifAbsent && !backend.capabilities.ifAbsent) return;
        let published = 0;
        for (let round = 0; round < rounds; round++)
          published += await raceTypes(backend, { round, ifAbsent });
        expect(published).toBeGreaterThan(0);
        await storage.sweep({ now: new Date(Date.now() + 8e6) });
        expect(await staged()).toEqual([]);
      },
    );

    it.each(["copy", "move"] as const)(
      "a %s publishes what was checked, however the source is written meanwhile",
      async (way) => {
        const scanner = watching();
        const scanned = new Storage(backend, { policy: { scan: scanner } });
        let published = 0;
        for (let round = 0; round < rounds; round++)
          published += await raceCopy(scanned, scanner, way, round);
        expect(published).toBeGreaterThan(0);
      },
      120_000,
    );
  });
}

/** One upload whose content is replaced, in even rounds right between check and copy. @returns 1 when it was published. */
async function race(storage: Storage, scanner: ReturnType<typeof watching>, round: number): Promise<number> {
  const key = `race/${round}`;
  const contentType = "text/plain; charset=utf-8";
  const upload = await storage.prepareUpload(key, { size: 64, contentType });
  await bring(upload, Buffer.alloc(64, `first-${round}-`));
  let writes = 0;
  const overwrite = async () => {
    const content = Buffer.alloc(64, `next-${round}-${writes++}-`);
    await bring(upload, content);
    await overwriteAnyway(storage.backend, `${stagingRoot}${upload.id}/content`, content, contentType);
  };
  const most = 1 + (round % 4);
  scanner.onEnd = async () => (round % 2 === 0 && writes < most ? overwrite() : undefined);
  const meanwhile = round % 2 === 1 ? overwrite().catch(nothing) : nothing();
  const done = await storage.completeUpload(upload.id).catch((error: unknown) => error);
  await meanwhile;
  scanner.onEnd = nothing;
  if (done instanceof Error) {
    expect(await storage.exists(key)).toBe(false);
    return 0;
  }
  expect(scanner.seen.at(-1)).toBe(sumOf(await storage.get(key)));
  return 1;
}

/** The same backend, which lets something happen right before content is published. */
function beforePublishing(backend: StorageBackend, happens: () => Promise<unknown>): StorageBackend {
  return new Proxy(backend, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (name !== "copy" && name !== "write") return value.bind(target);
      return async (...given: unknown[]) => {
        if (isObject(String(given[name === "copy" ? 1 : 0]))) await happens();
        return value.apply(target, given);
      };
    },
  });
}

/**
 * One upload that only its type is looked at of, and whose content becomes a page: in even rounds right before it is
 * published, in odd ones meanwhile. @returns 1 when it was published.
 */
async function raceTypes(
  backend: StorageBackend,
  { round, ifAbsent }: { readonly round: number; readonly ifAbsent: boolean },
): Promise<number> {
  const key = `race/types-${ifAbsent}-${round}`;
  const contentType = "text/plain; charset=utf-8";
  const first = Buffer.alloc(64, `first-${round}-`);
  let replace: () => Promise<unknown> = nothing;
  const raced = beforePublishing(backend, () => replace());
  const storage = new Storage(raced, { policy: { types: ["text/plain"] } });
  const upload = await storage.prepareUpload(key, { size: 64, contentType, ...(ifAbsent && { ifAbsent }) });
  await bring(upload, first);
  const at = `${stagingRoot}${upload.id}/content`;
  const replaceNow = () => overwriteAnyway(backend, at, Buffer.alloc(64, "<html>"), contentType);
  // In every fourth round it is the same type again, which may be published.
  const again = () => overwriteAnyway(backend, at, Buffer.alloc(64, `next-${round}-`), contentType);
  if (round % 2 === 0) {
    replace = async () => {
      replace = nothing;
      await (round % 4 === 0 ? again() : replaceNow());
    };
  }
  const meanwhile = round % 2 === 1 ? replaceNow().catch(nothing) : nothing();
  const done = await storage.completeUpload(upload.id).catch((error: unknown) => error);
  await meanwhile;
  if (done instanceof Error) {
    expect(Object(done).code).toBe("unsupported_type");
    expect(await storage.exists(key)).toBe(false);
    return 0;
  }
  expect(Buffer.from(await storage.get(key)).toString()).toMatch(/^(?:first|next)-/);
  return 1;
}

/** A copy whose source something else replaces until it is done. @returns 1 when there was a copy. */
async function raceCopy(
  storage: Storage,
  scanner: ReturnType<typeof watching>,
  way: "copy" | "move",
  round: number,
): Promise<number> {
  const [from, to] = [`race/${way}-from-${round}`, `race/${way}-to-${round}`];
  const contentType = "text/plain; charset=utf-8";
  const overwrite = (serial: number) =>
    overwriteAnyway(storage.backend, from, Buffer.alloc(64, `${way}-${round}-${serial}-`), contentType);
  await overwrite(0);
  let writing: Promise<unknown> = nothing();
  scanner.onEnd = async () => {
    scanner.onEnd = nothing;
    writing = writeOften(overwrite).catch(nothing);
  };
  const done = await storage[way](from, to).catch((error: unknown) => error);
  await writing;
  scanner.onEnd = nothing;
  if (done instanceof Error) {
    expect(await storage.exists(to)).toBe(false);
    return 0;
  }
  expect(scanner.seen.at(-1)).toBe(sumOf(await storage.get(to)));
  return 1;
}

async function writeOften(overwrite: (serial: number) => Promise<void>): Promise<void> {
  for (let serial = 1; serial <= 4; serial++) await overwrite(serial);
}

const nothing = async () => undefined;

/** What a holder does whose request may write again, also where the service would take one content only. */
async function overwriteAnyway(backend: StorageBackend, at: string, content: Buffer, contentType: string) {
  const { BufferedBody } = await import("#dist/storage/content/body.js");
  const body = new BufferedBody(content, { maxBytes: 64, size: undefined, checksum: undefined });
  const description = { contentType, filename: undefined, metadata: {} };
  await backend.write(at as never, body, {
    ...description,
    ifAbsent: false,
    ifMatch: undefined,
    signal: undefined,
    onProgress: undefined,
  });
}
