import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** How a body is sent, and how its connection ends. */
interface OddAnswer {
  readonly size: number;
  readonly framing: "length" | "chunks" | "close";
  readonly version: "1.0" | "1.1";
  readonly connection: "close" | "keep-alive" | undefined;
  readonly end: "whole" | "cut" | "reset" | "junk";
  readonly pieceBytes: number;
  readonly pauseMs: number;
}

export interface OddHttpServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Numbers from 0 to 1 that are the same for the same seed. */
export function numbersOf(seed: number): () => number {
  let state = (seed + 1) * 2_654_435_761;
  return () => {
    state = (state ^ (state << 13)) >>> 0;
    state = (state ^ (state >>> 17)) >>> 0;
    state = (state ^ (state << 5)) >>> 0;
    return state / 2 ** 32;
  };
}

/** The answer that a seed stands for. */
export function oddAnswer(seed: number): OddAnswer {
  const random = numbersOf(seed);
  for (let turn = 0; turn < 5; turn++) random();
  const one = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  return {
    size: one([1000, 262_144, 262_145, 270_336, 400_000, 1_100_000]) + Math.floor(random() * 3),
    framing: one(["length", "length", "chunks", "close"]),
    version: one(["1.1", "1.1", "1.0"]),
    connection: one(["close", "close", "keep-alive", undefined]),
    end: one(["whole", "whole", "cut", "reset", "junk"]),
    pieceBytes: one([700, 8192, 65_536, 262_144]) + Math.floor(random() * 5),
    pauseMs: one([0, 0, 1, 3]),
  };
}

/** The byte at a place of every body. */
export function byteAt(index: number): number {
  return index % 251;
}

const pattern = Buffer.from(Array.from({ length: 1_200_000 }, (_, index) => byteAt(index)));

/**
 * Serves bodies that are framed, cut and slowed down in odd ways. The seed of an answer is the number in the key of
 * its request, `k/NUMBER`.
 *
 * @param describe - a whole JSON or XML answer instead, for requests that ask for no body.
 */
export async function startOddHttpServer(
  headers: Readonly<Record<string, string>>,
  describe: (target: string, size: number) => string | undefined,
): Promise<OddHttpServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    let head = "";
    socket.on("data", (piece) => {
      head += piece.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      const target = head.split(" ")[1] ?? "/";
      head = "";
      const answer = oddAnswer(Number(/k(?:\/|%2F)(\d+)/i.exec(target)?.[1] ?? 0));
      const text = describe(target, answer.size);
      if (text === undefined) void sendOdd(socket, headers, answer);
      else socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

async function sendOdd(
  socket: Socket,
  headers: Readonly<Record<string, string>>,
  answer: OddAnswer,
): Promise<void> {
  socket.write(headOf(headers, answer));
  const { size, framing, connection, end } = answer;
  const sentBytes = end === "whole" ? size : Math.floor(size * 0.8);
  await sendBody(socket, sentBytes, answer);
  if (end === "whole" && framing === "chunks") socket.write("0\r\n\r\n");
  if (end === "junk" && framing === "chunks") socket.write("\0\r\nHTTP/9 junk\r\n\r\n");
  const isKept = end === "whole" && framing !== "close" && connection === "keep-alive";
  if (end === "reset") socket.resetAndDestroy();
  else if (!isKept) socket.end();
}

function headOf(headers: Readonly<Record<string, string>>, answer: OddAnswer): string {
  const { size, framing, version, connection } = answer;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  if (framing === "length") lines.push(`content-length: ${size}`);
  if (framing === "chunks") lines.push("transfer-encoding: chunked");
  if (connection !== undefined) lines.push(`connection: ${connection}`);
  return `HTTP/${version} 200 OK\r\n${lines.join("\r\n")}\r\n\r\n`;
}

async function sendBody(socket: Socket, bytes: number, answer: OddAnswer): Promise<void> {
  const { framing, pieceBytes, pauseMs } = answer;
  for (let at = 0; at < bytes && !socket.destroyed; at += pieceBytes) {
    const piece = pattern.subarray(at, Math.min(at + pieceBytes, bytes));
    if (framing === "chunks") socket.write(`${piece.length.toString(16)}\r\n`);
    socket.write(piece);
    if (framing === "chunks") socket.write("\r\n");
    if (pauseMs > 0 && pieceBytes > 4096) await sleep(pauseMs);
  }
}
