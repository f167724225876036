import { mkdir, readdir, realpath } from "node:fs/promises";
import { describe, expect, it, vi } from "vitest";
import { Sync } from "#dist/storage/backends/local/disk/sync.js";
import { thisOwner } from "#dist/storage/backends/local/record/lock-owner.js";
import { Store } from "#dist/storage/backends/local/store.js";
import { BodyReader } from "#dist/storage/backends/local/upload/body-reader.js";
import { writeTemp } from "#dist/storage/backends/local/upload/write-temp.js";
import { StreamBody } from "#dist/storage/content/body.js";
import { freshFolder, outcomeOf } from "./fresh-store.js";

const rules = { maxBytes: Number.POSITIVE_INFINITY, size: undefined, checksum: undefined };
const piece = Buffer.alloc(512 * 1024);

/** Begins to write pieces of a source; `events` says in which order things happen. */
async function beginWriting(source: () => AsyncGenerator<Uint8Array>) {
  const base = await realpath(await freshFolder());
  const store = new Store({ base, owner: thisOwner(base), isDurable: false, unfolds: false });
  await mkdir(store.layout.temps, { recursive: true });
  const events: string[] = [];
  async function* watched() {
    for await (const each of source()) {
      events.push("taken");
      yield each;
    }
    events.push("ended");
  }
  const reader = new BodyReader(new StreamBody(watched(), rules).open(), undefined);
  const writing = writeTemp(store, reader, { onProgress: () => events.push("written") });
  return { store, events, writing };
}

describe("content while it is written into a temporary file", () => {
  it("is taken from its source while what came before is written", async () => {
    const { events, writing } = await beginWriting(async function* () {
      for (let count = 0; count < 3; count++) yield piece;
    });
    const file = await writing;
    await file.close();
    expect(file.size).toBe(3 * piece.byteLength);
    // The last piece is withheld, so that the first is written when the second has been taken.
    expect(events).toEqual(["taken", "taken", "taken", "written", "ended", "written", "written"]);
  });

  it("leaves nothing when its source fails during a write", async () => {
    const { store, events, writing } = await beginWriting(async function* () {
      yield piece;
      yield piece;
      throw new TypeError("the source broke");
    });
    expect(await outcomeOf(writing)).toBe("source_failed");
    expect(events).toEqual(["taken", "taken", "written"]);
    expect(await readdir(store.layout.temps)).toEqual([]);
  });

  it("is synced while it is written, so that no sync at the end takes longer than a deadline waits", async () => {
    const base = await realpath(await freshFolder());
    const store = new Store({ base, owner: thisOwner(base), isDurable: true, unfolds: false });
    await mkdir(store.layout.temps, { recursive: true });
    const syncs = vi.spyOn(Sync.prototype, "content");
    const source = async function* () {
      for (let count = 0; count < 2 * 128 + 1; count++) yield piece;
    };
    const reader = new BodyReader(new StreamBody(source(), rules).open(), undefined);
    const file = await writeTemp(store, reader, {});
    await file.close();
    expect(syncs).toHaveBeenCalledTimes(2);
  });

  it("releases its source when there is nowhere to write it", async () => {
    let isLetGo = false;
    const base = await freshFolder();
    const store = new Store({ base, owner: thisOwner(base), isDurable: false, unfolds: false });
    const source = async function* () {
      try {
        for (;;) yield piece;
      } finally {
        isLetGo = true;
      }
    };
    const reader = new BodyReader(new StreamBody(source(), rules).open(), undefined);
    const first = await reader.next(1);
    await expect(writeTemp(store, reader, { first })).rejects.toThrow("the base folder is gone");
    await vi.waitFor(() => expect(isLetGo).toBe(true));
  });
});
