import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, get, type IncomingMessage, ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex, PassThrough, type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import Fastify, { type FastifyInstance } from "fastify";
import { addStorage } from "svc-infra";
import { LocalBackend } from "svc-infra/storage/local";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Service, startService } from "./service.js";

const objects = Array.from({ length: 3 }, (_, index) => ({
  key: `large-${index}.bin`,
  bytes: randomBytes(24_000_000 + index),
}));
let folder: string;
let service: Service;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svc-infra-large-"));
  service = await startService({ backend: new LocalBackend({ basePath: folder }) });
  for (const { key, bytes } of objects) await service.storage.put(key, bytes);
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true });
});

test("large objects that are read side by side by slow and fast clients each arrive as they are", async () => {
  const rounds = [0, 1, 2].flatMap(() => objects);
  const received = await Promise.all(rounds.map(({ key }, index) => download(key, index % 3 === 0)));
  expect(received).toEqual(rounds.map(({ bytes }) => sha256(bytes)));
});

test("an object arrives as it is after clients have left others half-way", async () => {
  for (const { key } of objects) {
    const answer = await open(key);
    await new Promise((resolve) => answer.once("data", resolve));
    answer.destroy();
  }
  const received = await Promise.all(objects.map(({ key }) => download(key, false)));
  expect(received).toEqual(objects.map(({ bytes }) => sha256(bytes)));
});

describe("content arrives as it is", () => {
  const letters = ["a", "b"] as const;
  const letterBytes = 8 * 1024 * 1024;
  beforeAll(async () => {
    for (const letter of letters) await service.storage.put(letter, Buffer.alloc(letterBytes, letter));
  });

  /** Slow and fast clients read both objects at once. */
  async function read(port: number): Promise<void> {
    const readers = Array.from({ length: 6 }, (_, index) => letters[index % 2] ?? "a");
    const counts = await Promise.all(readers.map((letter, index) => countOf(port, letter, index % 3 > 0)));
    expect(counts).toEqual(readers.map(() => letterBytes));
  }

  async function listen(app: FastifyInstance): Promise<number> {
    onTestFinished(() => app.close());
    await addStorage(app, new LocalBackend({ basePath: folder }), { authorize: "open" });
    await app.listen({ port: 0, host: "127.0.0.1" });
    return (app.server.address() as AddressInfo).port;
  }

  const hooks: Record<string, (payload: Readable) => unknown> = {
    "is a PassThrough": (payload) => payload.pipe(new PassThrough({ highWaterMark: letterBytes })),
    "counts bytes": (payload) => {
      let bytes = 0;
      return payload.pipe(
        new Transform({
          highWaterMark: letterBytes,
          transform(piece: Buffer, _encoding, done) {
            bytes += piece.byteLength;
            done(bytes > letterBytes ? new Error("too many bytes") : null, piece);
          },
        }),
      );
    },
    "is a pipeline that the hook does not wait for": (payload) => {
      const through = new PassThrough({ highWaterMark: letterBytes });
      pipeline(payload, through).catch(() => undefined);
      return through;
    },
    "listens to each piece and sends the stream itself": (payload) => payload.on("data", () => undefined),
    "pipes it elsewhere as well": (payload) => {
      payload.pipe(new PassThrough()).resume();
      return payload;
    },
    "iterates over it": (payload) => Duplex.from(pairsOf(payload)),
  };

  test.each(Object.entries(hooks))("when an onSend hook %s", async (_, hook) => {
    const app = Fastify();
    app.addHook("onSend", async (_request, _reply, payload) => hook(payload as Readable));
    await read(await listen(app));
  });

  test("with trailers behind it", async () => {
    const app = Fastify();
    app.addHook("onSend", async (_request, reply) => {
      reply.removeHeader("content-length");
      reply.trailer("x-end", async () => "done");
    });
    await read(await listen(app));
  });

  test("when the answer's class holds it back", async () => {
    class LateResponse extends ServerResponse {
      override write(piece: string | Uint8Array, ...rest: unknown[]): boolean {
        const written = rest.find((value) => typeof value === "function");
        setTimeout(() => super.write(piece), 20);
        if (typeof written === "function") written(null);
        return true;
      }
      override end(...given: unknown[]): this {
        setTimeout(() => Reflect.apply(super.end, this, given), 40);
        return this;
      }
    }
    const serverFactory = (handler: (request: IncomingMessage, response: ServerResponse) => void) =>
      createServer({ ServerResponse: LateResponse as unknown as typeof ServerResponse }, handler);
    await read(await listen(Fastify({ serverFactory: serverFactory as never })));
  });

  test("when the connection is a stream that holds it back", async () => {
    const app = Fastify();
    await listen(app);
    const tunnel = createTcpServer((socket) => {
      const held = new PassThrough({ highWaterMark: letterBytes });
      held.pipe(socket);
      app.server.emit("connection", Duplex.from({ readable: socket, writable: held }));
    });
    onTestFinished(() => void tunnel.close());
    await new Promise<void>((resolve) => tunnel.listen(0, "127.0.0.1", resolve));
    await read((tunnel.address() as AddressInfo).port);
  });
});

/** Two pieces at a time, the first of them held while the other is read. */
async function* pairsOf(payload: Readable): AsyncGenerator<Uint8Array> {
  let held: Uint8Array | undefined;
  for await (const piece of payload) {
    if (held !== undefined) yield held;
    held = piece;
  }
  if (held !== undefined) yield held;
}

/** How many bytes came up to the first that is not the letter. */
async function countOf(port: number, letter: string, isSlow: boolean): Promise<number> {
  const expected = Buffer.alloc(1024 * 1024, letter);
  let bytes = 0;
  for await (const piece of await open(letter, port)) {
    if (!expected.subarray(0, piece.byteLength).equals(piece)) break;
    bytes += piece.byteLength;
    if (isSlow) await sleep(2);
  }
  return bytes;
}

async function download(key: string, isSlow: boolean): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of await open(key)) {
    hash.update(piece);
    if (isSlow) await sleep(2);
  }
  return hash.digest("hex");
}

function open(key: string, port = service.port): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(`http://127.0.0.1:${port}/_storage/download/${key}`, resolve).once("error", reject);
  });
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
