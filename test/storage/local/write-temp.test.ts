import { access } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Incoming } from "#dist/storage/backends/local/incoming.js";
import { writeTemp } from "#dist/storage/backends/local/write-temp.js";
import { StreamBody } from "#dist/storage/body.js";
import { freshFolder, outcomeOf } from "./fresh-store.js";

const rules = { maxBytes: Number.POSITIVE_INFINITY, size: undefined, checksum: undefined };
const piece = Buffer.alloc(512 * 1024);

/** Begins to write pieces of a source; `events` says in which order things happen. */
async function beginWriting(source: () => AsyncGenerator<Uint8Array>) {
  const path = join(await freshFolder(), "temp");
  const events: string[] = [];
  async function* watched() {
    for await (const each of source()) {
      events.push("taken");
      yield each;
    }
    events.push("ended");
  }
  const incoming = new Incoming(new StreamBody(watched(), rules), undefined);
  const writing = writeTemp(path, incoming, { onProgress: () => events.push("written") });
  return { path, events, writing };
}

describe("content on its way into a temporary file", () => {
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
    const { path, events, writing } = await beginWriting(async function* () {
      yield piece;
      yield piece;
      throw new TypeError("the source broke");
    });
    expect(await outcomeOf(writing)).toBe("source_failed");
    expect(events).toEqual(["taken", "taken", "written"]);
    await expect(access(path)).rejects.toMatchObject({ code: "ENOENT" });
  });
});
