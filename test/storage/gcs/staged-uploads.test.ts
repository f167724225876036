import { type Key, parseKey, Storage } from "svc-infra/storage";
import { GcsBackend } from "svc-infra/storage/gcs";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { GcsClient } from "../../rigs/gcs-client.js";
import { startGcsDouble } from "../../rigs/gcs-double.js";

const rig = await startGcsDouble();
const { bucket, endpoint, owner } = rig;
const backend = new GcsBackend({ bucket, endpoint, credentials: owner });
const storage = new Storage(backend);

beforeEach(async () => {
  for await (const { key } of storage.listAll()) await storage.delete(key);
});
afterAll(async () => {
  await storage.close();
  await rig.stop();
});

/** Names of objects that no key can name. */
async function staged(): Promise<readonly string[]> {
  return (await rig.state()).objects.filter((name) => name.startsWith(".svc-infra/"));
}

/** As the backend knows it. */
const idOf = ({ id }: { readonly id: string }) => id.split(":")[1] ?? "";

describe("an upload in parts", () => {
  it.each([1, 32, 33, 1025])(
    "of %i parts is joined in their order, and nothing stays behind",
    async (count) => {
      const upload = await storage.createUpload("joined.txt");
      const numbers = Array.from({ length: count }, (_, index) => index + 1);
      for (let at = 0; at < count; at += 50) {
        await Promise.all(numbers.slice(at, at + 50).map((number) => upload.writePart(number, `${number},`)));
      }
      const { size } = await upload.complete();
      const text = numbers.map((number) => `${number},`).join("");
      expect(Buffer.from(await storage.get("joined.txt")).toString()).toBe(text);
      expect(size).toBe(text.length);
      expect(await staged()).toEqual([]);
    },
  );

  it("takes large parts by a session of their own", async () => {
    const upload = await storage.createUpload("large.bin");
    const piece = Buffer.alloc(9 * 1_048_576, "0123456789");
    await upload.writePart(1, piece);
    await upload.writePart(2, "end");
    expect((await upload.complete()).size).toBe(piece.length + 3);
  });

  it("that is aborted leaves nothing", async () => {
    const upload = await storage.createUpload("aborted.txt");
    for (let number = 1; number <= 5; number++) await upload.writePart(number, "content");
    // The parts, their record and the lease.
    expect(await staged()).toHaveLength(7);
    await upload.abort();
    expect(await staged()).toEqual([]);
  });

  it("that was refused can be completed once more, or aborted", async () => {
    await storage.put("refused.txt", "somebody else");
    const upload = await storage.createUpload("refused.txt");
    for (let number = 1; number <= 40; number++) await upload.writePart(number, "content");
    await expect(upload.complete({ ifAbsent: true })).rejects.toMatchObject({ code: "precondition_failed" });
    expect((await upload.complete()).size).toBe(280);
    expect(await staged()).toEqual([]);
  });

  it("of which another completion takes the parts away is not_found and publishes nothing twice", async () => {
    const upload = await storage.createUpload("raced.txt");
    for (let number = 1; number <= 70; number++) await upload.writePart(number, String(number % 10));
    const outcomes = await Promise.allSettled(Array.from({ length: 4 }, () => upload.complete()));
    const lost = outcomes.filter((each) => each.status === "rejected");
    expect(lost.length).toBeLessThan(4);
    for (const { reason } of lost) expect(["not_found", "invalid_argument"]).toContain(reason.code);
    expect((await storage.getMetadata("raced.txt")).size).toBe(70);
  });

  it("whose record was removed before its parts is removed by a sweep, and a living one is not", async () => {
    const [over, living] = [
      await storage.createUpload("parts/over"),
      await storage.createUpload("parts/living"),
    ];
    for (const upload of [over, living]) {
      await upload.writePart(1, "content");
      await upload.writePart(2, "more");
    }
    const left = async () => (await staged()).filter((name) => name.includes(idOf(over)));
    // A process is killed between the two removals that a completion ends with.
    await storage.backend.remove(`.svc-infra/uploads/${idOf(over)}/record` as Key, {
      ifMatch: undefined,
      signal: undefined,
    });
    expect(await left()).toHaveLength(2);
    await storage.sweep({ dryRun: true });
    expect(await left()).toHaveLength(2);
    await storage.sweep();
    expect(await left()).toEqual([]);
    expect(await living.complete()).toMatchObject({ size: 11 });
    await over.abort();
  });
});

describe("what is staged", () => {
  it("is in no listing, however much it is, and in no page of one", async () => {
    const upload = await storage.createUpload("b");
    for (let number = 1; number <= 30; number++) await upload.writePart(number, "x");
    for (const key of ["-first", ".hidden/x", "a", "c"]) await storage.put(key, "x");
    expect(await storage.listKeys()).toEqual(["-first", ".hidden/x", "a", "c"]);
    const page = await storage.list({ delimiter: "/" });
    expect([page.items.map(({ key }) => key), page.prefixes]).toEqual([["-first", "a", "c"], [".hidden/"]]);
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const next = await storage.list({ limit: 1, cursor });
      found.push(...next.items.map(({ key }) => key));
      ({ cursor } = next);
    } while (cursor !== undefined);
    expect(found).toEqual(["-first", ".hidden/x", "a", "c"]);
    await upload.abort();
  });

  it("cannot be read through an id that leads elsewhere", async () => {
    const key = parseKey("a");
    await storage.put("a", JSON.stringify({ key: "a", contentType: "text/plain" }));
    for (const id of ["../../a", "..%2f..%2fa", "x".repeat(24), "a/../../../../a/a/a/a/a/"]) {
      const complete = backend.completeUpload(key, id, [{ number: 1, etag: "1", size: 1 }], {
        ifAbsent: false,
        ifMatch: undefined,
        signal: undefined,
      });
      await expect(complete).rejects.toMatchObject({ failure: { code: "not_found" } });
    }
  });
});

it("names that others gave and that are no keys are in no listing", async () => {
  const client = await GcsClient.open(rig);
  for (const name of ["folder/", "with space", "ünïcode", "a//b", "../up", "~tilde"])
    await client.put(name, "x");
  await storage.put("key", "x");
  expect(await storage.listKeys()).toEqual(["key"]);
});
