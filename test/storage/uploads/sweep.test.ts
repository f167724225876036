import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { parseKey, Storage, type StorageBackend } from "svc-infra/storage";
import { expect, it } from "vitest";
import { refusal } from "#dist/storage/contract/service-error.js";
import { makeBackend } from "../../acceptance/service.js";

const inEightDays = () => new Date(Date.now() + 8 * 86_400_000);
const plain = { contentType: "text/plain", filename: undefined, metadata: {}, signal: undefined };

async function keysUnderWay(backend: StorageBackend): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of backend.unfinished({ signal: undefined })) keys.push(key);
  return keys;
}

it("a dry run of a sweep removes nothing from a local folder", async () => {
  const { backend, basePath = "", remove } = await makeBackend("local");
  const storage = new Storage(backend);
  await storage.put("a", "content");
  const left = join(basePath, ".svc-infra/tmp/left-by-a-dead-process");
  writeFileSync(left, "left");
  await storage.sweep({ dryRun: true });
  expect(existsSync(left)).toBe(true);
  await storage.sweep();
  expect(existsSync(left)).toBe(false);
  await remove();
});

/** The backend, of which one call fails where its first argument says so. */
function refusing(
  backend: StorageBackend,
  call: "abortUpload" | "read" | "removeMany" | "unfinished",
  refuses: (first: unknown) => boolean = () => true,
): StorageBackend {
  return new Proxy(backend, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...given: unknown[]) => {
        if (name !== call || !refuses(given[0])) return value.apply(target, given);
        const error = new Error("the service refuses it");
        if (call === "unfinished") throw error;
        return Promise.reject(error);
      };
    },
  });
}

/** Uploads in parts that are begun and left: some of the object itself, some that are staged. */
async function abandonUploads(backend: StorageBackend): Promise<void> {
  for (const policy of [undefined, { types: ["text/plain"] }]) {
    const upload = await new Storage(backend, { policy }).createUpload("k", { contentType: "text/plain" });
    await upload.writePart(1, "content");
  }
}

it("a sweep tells as many uploads as a dry run before it", async () => {
  const { backend } = await makeBackend("memory");
  await abandonUploads(backend);
  const storage = new Storage(backend);
  const told = { staged: 2, uploads: 2, alive: 0 };
  expect(await storage.sweep({ now: inEightDays(), dryRun: true })).toEqual({ ...told, isDryRun: true });
  expect(await storage.sweep({ now: inEightDays() })).toEqual({ ...told, isDryRun: false });
});

it.each([
  ["list uploads in parts", "unfinished", () => true],
  ["abort an upload that has a lease", "abortUpload", (key: unknown) => key === "k"],
  ["read a lease", "read", () => true],
] as const)(
  "a service that does not let a sweep %s keeps nothing else from being removed",
  async (_what, call, refuses) => {
    const { backend } = await makeBackend("memory");
    await abandonUploads(backend);
    const prepared = await new Storage(backend).prepareUpload("a", { size: 1, contentType: "text/plain" });
    const refused = new Storage(refusing(backend, call, refuses)).sweep({ now: inEightDays() });
    await expect(refused).rejects.toThrow("the backend failed");
    await expect(new Storage(backend).completeUpload(prepared.id)).rejects.toMatchObject({
      code: "not_found",
    });
    const leases = (await new Storage(backend).sweep({ now: inEightDays(), dryRun: true })).staged;
    expect([call, leases]).toEqual([call, { unfinished: 0, abortUpload: 1, read: 3 }[call]]);
    await new Storage(backend).sweep({ now: inEightDays() });
    expect(await keysUnderWay(backend)).toEqual([]);
  },
);

it("a sweep ends where the service gives the same page again and again", async () => {
  const { backend } = await makeBackend("memory");
  await abandonUploads(backend);
  let pages = 0;
  const stuck = new Proxy(backend, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target);
      if (name !== "list") return typeof value === "function" ? value.bind(target) : value;
      const list: StorageBackend["list"] = async (options) => {
        pages += 1;
        if (pages > 5) throw new Error("asked without end");
        return { ...(await target.list({ ...options, cursor: undefined })), cursor: "the same" };
      };
      return list;
    },
  });
  await expect(new Storage(stuck).sweep()).rejects.toMatchObject({ code: "unavailable" });
  expect(pages).toBe(2);
});

it.each(["read by the backend", "of no lease"])(
  "a lease that is damaged goes like others, when what is %s tells so",
  async (what) => {
    const { backend } = await makeBackend("memory");
    await abandonUploads(backend);
    const isOfBackend = what === "read by the backend";
    const damaged = new Proxy(backend, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target);
        if (name !== "read") return typeof value === "function" ? value.bind(target) : value;
        const read: StorageBackend["read"] = async (key, options) => {
          if (isOfBackend) throw refusal("corrupt", "the record is damaged");
          const opened = await target.read(key, options);
          return { ...opened, body: Readable.from([Buffer.from("{")]) };
        };
        return read;
      },
    });
    const told = { staged: 2, uploads: 2, alive: 0, isDryRun: false };
    expect(await new Storage(damaged).sweep({ now: inEightDays() })).toEqual(told);
    expect((await new Storage(backend).sweep({ now: inEightDays() })).staged).toBe(0);
  },
);

it("an upload that cannot be aborted keeps no other from being removed, and is told", async () => {
  const { backend } = await makeBackend("memory");
  for (const key of ["a", "b", "c"]) await backend.createUpload(parseKey(key), plain);
  const sweep = new Storage(refusing(backend, "abortUpload", (key) => key === "a")).sweep({
    now: inEightDays(),
  });
  await expect(sweep).rejects.toThrow("the backend failed");
  expect(await keysUnderWay(backend)).toEqual(["a"]);
  expect(await new Storage(backend).sweep({ now: inEightDays() })).toMatchObject({ uploads: 1 });
});
