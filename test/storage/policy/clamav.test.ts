import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { easyStorage } from "svc-infra";
import { BackendUnavailableError, Storage, StorageConfigurationError } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { clamav, type Scanner } from "svc-infra/storage/policy";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { infectedFile, infectedMarker, startClamd } from "../../rigs/clamd.js";

const streamMaxBytes = 8 * 2 ** 20;
let rig: Awaited<ReturnType<typeof startClamd>>;

beforeAll(async () => {
  rig = await startClamd({ streamMaxBytes });
});

afterAll(() => rig?.stop());

async function scan(scanner: Scanner, pieces: Iterable<Uint8Array>) {
  const running = await scanner.begin();
  try {
    for (const piece of pieces) await running.pass(piece);
    return await running.end();
  } finally {
    running.cancel();
  }
}

function* zeros(bytes: number, end = ""): Generator<Uint8Array> {
  const piece = Buffer.alloc(65_536);
  for (let left = bytes; left > 0; left -= piece.byteLength) yield piece.subarray(0, left);
  if (end !== "") yield Buffer.from(end);
}

describe("a running clamd", () => {
  it("answers", async () => {
    await expect(clamav({ socket: rig.socket }).check()).resolves.toBeUndefined();
  });

  it.each<[string, Iterable<Uint8Array>]>([
    ["empty content", []],
    ["a small file", [Buffer.from("hello")]],
    ["random bytes", [randomBytes(100_000)]],
    ["empty pieces", [Buffer.alloc(0), Buffer.from("a"), Buffer.alloc(0)]],
  ])("finds nothing in %s", async (_name, pieces) => {
    expect(await scan(clamav({ socket: rig.socket }), pieces)).toEqual({ isClean: true });
  });

  it("finds what a signature names, also at the end of a large file and over two pieces", async () => {
    const scanner = clamav({ socket: rig.socket });
    const found = { isClean: false, found: expect.stringContaining("Test.") };
    expect(await scan(scanner, [Buffer.from(infectedFile)])).toEqual(found);
    expect(await scan(scanner, zeros(5 * 2 ** 20, infectedMarker))).toEqual(found);
    const half = infectedMarker.length / 2;
    const halves = [infectedMarker.slice(0, half), infectedMarker.slice(half)].map((each) =>
      Buffer.from(each),
    );
    expect(await scan(scanner, halves)).toEqual(found);
  });

  it("gives no verdict on content that is larger than it looks at", async () => {
    const scanning = scan(clamav({ socket: rig.socket }), zeros(2 * streamMaxBytes));
    await expect(scanning).rejects.toBeInstanceOf(BackendUnavailableError);
  });

  it("gives no verdict on an archive that is deeper than it looks", async () => {
    const nested = (levels: number) => {
      let content: Buffer = Buffer.from("hello");
      for (let level = 0; level < levels; level++) content = gzipSync(content);
      return content;
    };
    const scanner = clamav({ socket: rig.socket });
    expect(await scan(scanner, [nested(2)])).toEqual({ isClean: true });
    await expect(scan(scanner, [nested(12)])).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("Heuristics.Limits.Exceeded"),
    });
  });

  it("takes as many scans at a time as are allowed, and the rest in line", async () => {
    const scanner = clamav({ socket: rig.socket, maxScans: 2 });
    const verdicts = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        scan(scanner, zeros(200_000, index % 2 === 0 ? infectedMarker : "")),
      ),
    );
    expect(verdicts.map(({ isClean }) => isClean)).toEqual(
      Array.from({ length: 12 }, (_, index) => index % 2 === 1),
    );
  });

  it("a scan that waits too long for its turn is refused, and a given up one makes room", async () => {
    const scanner = clamav({ socket: rig.socket, maxScans: 1, timeoutMs: 200 });
    const first = await scanner.begin();
    const piece = () => first.pass(Buffer.alloc(65_536));
    await piece();
    const coming = setInterval(() => void piece().catch(() => undefined), 10);
    await expect(scanner.begin().finally(() => clearInterval(coming))).rejects.toThrow("busy");
    first.cancel();
    expect(await scan(scanner, [Buffer.from("x")])).toEqual({ isClean: true });
  });
});

describe("a clamd that fails", () => {
  let server: Server | undefined;

  afterEach(() => {
    server?.close();
  });

  /** Something in the place of clamd that behaves as no clamd should. */
  async function listen(answer: (socket: Socket) => void): Promise<Scanner> {
    const path = join(tmpdir(), `clamd-${process.pid}-${randomBytes(4).toString("hex")}.sock`);
    server = createServer((socket) => {
      socket.on("error", () => undefined);
      answer(socket);
    }).listen(path);
    await once(server, "listening");
    return clamav({ socket: path, timeoutMs: 300 });
  }

  it.each<[string, (socket: Socket) => void]>([
    ["leaves at once", (socket) => socket.destroy()],
    ["leaves amid the content", (socket) => socket.once("data", () => socket.destroy())],
    ["answers nothing", (socket) => socket.resume()],
    ["answers an error", (socket) => socket.resume().write("stream: Can't allocate memory ERROR\0")],
    ["answers without end", (socket) => socket.resume().write("x".repeat(100_000))],
    ["answers another thing", (socket) => socket.resume().write("HTTP/1.1 200 OK\0")],
    ["cuts its answer", (socket) => socket.resume().end("stream: OK")],
  ])("and %s gives no verdict", async (_fault, answer) => {
    const scanner = await listen(answer);
    await expect(scan(scanner, zeros(1_000_000))).rejects.toMatchObject({
      code: "unavailable",
      retryAfterMs: 10_000,
    });
  });

  it("and is not there gives no verdict", async () => {
    const scanner = clamav({ socket: "/nowhere/clamd.sock" });
    await expect(scanner.begin()).rejects.toMatchObject({ code: "unavailable" });
    await expect(scanner.check()).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("content that comes slowly", () => {
  const storageOf = () => {
    const scan = clamav({ socket: rig.socket, maxScans: 1, timeoutMs: 3000 });
    return new Storage(new MemoryBackend(), { policy: { scan } });
  };
  const put = (storage: Storage, key: string, until: Promise<unknown>, startBytes = 20_000) => {
    const content = (async function* () {
      yield Buffer.alloc(startBytes);
      await until;
      yield Buffer.from("the rest");
    })();
    return storage.put(key, content, { contentType: "text/plain" });
  };

  it.each([
    ["from the start", 20_000],
    ["after a start that came fast", 2_000_000],
  ])("%s gives way to a scan that waits, and says so", async (_, startBytes) => {
    const storage = storageOf();
    let goOn: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const slow = put(storage, "slow", gate, startBytes).catch((error: unknown) => error);
    await sleep(100);
    // The scanner of the test before knows its content.
    await storage.put("k", randomBytes(20)).finally(() => goOn?.());
    expect(await slow).toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("too slowly"),
      retryAfterMs: 10_000,
    });
    expect(await storage.listKeys()).toEqual(["k"]);
  });

  it("is scanned and stored while no other scan waits", async () => {
    const storage = storageOf();
    await put(storage, "slow", sleep(1500));
    expect(await storage.listKeys()).toEqual(["slow"]);
  });
});

it.each([{ socket: "/a", host: "b" }])(
  "the options %j are refused, as one place must be given",
  (options) => {
    expect(() => clamav(options)).toThrow(StorageConfigurationError);
  },
);

it("the same clamd with the same settings is the same scanner", () => {
  expect(clamav({ host: "h" })).toBe(clamav({ host: "h", port: 3310, maxScans: 4 }));
  expect(clamav({ host: "h" })).not.toBe(clamav({ host: "h", maxScans: 5 }));
  expect(clamav({ host: "h" })).not.toBe(clamav({ host: "i" }));
});

describe("clamav() without an address", () => {
  afterEach(() => vi.unstubAllEnvs());

  const dialled = () =>
    clamav()
      .check()
      .catch(({ cause }: { cause: { address: string; port?: number } }) => cause.address);

  it("dials the clamd of the environment", async () => {
    vi.stubEnv("STORAGE_CLAMAV_URL", "unix:/nowhere/of-the-environment.ctl");
    expect(await dialled()).toBe("/nowhere/of-the-environment.ctl");
  });

  it("dials the socket of Debian where the environment names none", async () => {
    vi.stubEnv("STORAGE_CLAMAV_URL", "");
    expect(await dialled()).toBe("/var/run/clamav/clamd.ctl");
  });

  it("is the scanner of the environment, which a policy asks once", async () => {
    const path = join(tmpdir(), `clamd-${process.pid}-once.sock`);
    let scans = 0;
    const server = createServer((socket) => {
      scans += 1;
      socket.resume().end("stream: OK\0");
    }).listen(path);
    await once(server, "listening");
    vi.stubEnv("STORAGE_CLAMAV_URL", `unix:${path}`);
    const storage = (await easyStorage({ backend: "memory" })).withPolicy({ scan: clamav() });
    await storage.put("k", "content").finally(() => server.close());
    expect(scans).toBe(1);
  });

  it("has the limit of the environment, unless code has another", () => {
    vi.stubEnv("STORAGE_CLAMAV_MAX_BYTES", "1000");
    expect([clamav().maxBytes, clamav({ maxBytes: 5 }).maxBytes]).toEqual([1000, 5]);
  });
});
