import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Storage, StorageError } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { clamav } from "svc-infra/storage/policy";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { infectedMarker, startClamd } from "../../rigs/clamd.js";

/** 200 at a release. */
const mebibytes = Number(process.env.SCAN_MIB ?? 24);
const bytes = mebibytes * 2 ** 20;

type Rig = Awaited<ReturnType<typeof startClamd>>;
let rig: Rig;

beforeAll(async () => {
  rig = await startClamd();
});

afterAll(() => rig?.stop());

function scanning(socket: string, maxBytes = 2 * bytes): Storage {
  const backend = new MemoryBackend({ maxBytes: 4 * bytes });
  return new Storage(backend, { policy: { scan: clamav({ socket, maxBytes }) } });
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "stored",
    (error: unknown) => (error instanceof StorageError ? error.code : String(error)),
  );

async function* zeros(size: number, end = "", midway: () => Promise<void> = async () => undefined) {
  const piece = Buffer.alloc(65_536);
  for (let sent = 0; sent < size; sent += piece.byteLength) {
    if (sent === size / 2) await midway();
    yield piece;
  }
  yield Buffer.from(end);
}

describe("content that is scanned while it is written", () => {
  it("is stored when it is clean", async () => {
    const storage = scanning(rig.socket);
    expect(await codeOf(storage.put("k", zeros(bytes)))).toBe("stored");
    expect((await storage.getMetadata("k")).size).toBe(bytes);
  });

  it("is never visible when its last bytes are infected, and what was there stays", async () => {
    const storage = scanning(rig.socket);
    await storage.put("old", "old");
    const seen = new Set<string>();
    let isOver = false;
    const watching = (async () => {
      for (; !isOver; await sleep(5)) for (const key of await storage.listKeys()) seen.add(key);
    })();
    expect(await codeOf(storage.put("k", zeros(bytes, infectedMarker)))).toBe("infected");
    expect(await codeOf(storage.put("old", zeros(bytes, infectedMarker)))).toBe("infected");
    isOver = true;
    await watching;
    expect([...seen]).toEqual(["old"]);
    expect(Buffer.from(await storage.get("old")).toString()).toBe("old");
  });

  it("is refused over the limit of the scanner, whether that is known here or only there", async () => {
    const small = await startClamd({ streamMaxBytes: 2 ** 20 });
    try {
      for (const maxBytes of [2 ** 20, 2 * bytes]) {
        const storage = scanning(small.socket, maxBytes);
        expect(await codeOf(storage.put("k", zeros(bytes, infectedMarker)))).toBe("unavailable");
        expect(await codeOf(storage.put("k", Buffer.alloc(2 ** 21)))).toBe("unavailable");
        expect(await storage.listKeys()).toEqual([]);
      }
    } finally {
      await small.stop();
    }
  });

  it("is refused when the scanner is killed half-way, unless that is to be accepted in words", async () => {
    for (const whenUnavailable of [undefined, "refuse", "accept"] as const) {
      const dying = await startClamd();
      const scanner = clamav({ socket: dying.socket, maxBytes: 2 * bytes });
      const storage = new Storage(new MemoryBackend({ maxBytes: 4 * bytes }), {
        policy: { scan: { scanner, whenUnavailable } },
      });
      const content = zeros(bytes, infectedMarker, () => dying.stop());
      const isAccepted = whenUnavailable === "accept";
      expect(await codeOf(storage.put("k", content))).toBe(isAccepted ? "stored" : "unavailable");
      expect(await storage.listKeys()).toEqual(isAccepted ? ["k"] : []);
      expect(existsSync(dying.socket)).toBe(false);
    }
  });

  it("does not wait for a scanner when its caller gives up", async () => {
    const storage = scanning(rig.socket);
    const controller = new AbortController();
    const content = zeros(bytes, "", async () => controller.abort());
    expect(await codeOf(storage.put("k", content, { signal: controller.signal }))).toBe("aborted");
    expect(await storage.listKeys()).toEqual([]);
  });

  it("is copied only when it is clean", async () => {
    const backend = new MemoryBackend();
    const before = new Storage(backend);
    await before.put("bad", infectedMarker);
    await before.put("good", "good");
    const storage = new Storage(backend, { policy: { scan: clamav({ socket: rig.socket }) } });
    expect(await codeOf(storage.copy("bad", "out/bad"))).toBe("infected");
    expect(await codeOf(storage.copy("good", "out/good"))).toBe("stored");
    expect(await storage.listKeys({ prefix: "out/" })).toEqual(["out/good"]);
  });
});
