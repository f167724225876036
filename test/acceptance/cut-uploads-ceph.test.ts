import { readFile } from "node:fs/promises";
import net from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startCeph } from "../rigs/ceph.js";
import { type FaultProxy, startFaultProxy } from "../rigs/fault-proxy.js";
import { s3Request } from "../rigs/s3-request.js";
import type { S3Rig } from "../rigs/s3-rig.js";
import { type Served, serve } from "./served.js";
import { call } from "./service.js";

const rounds = Number(process.env.CUT_UPLOADS ?? 100);
const atOnce = 20;
/** More than one part, and less than was promised. */
const largeBytes = 10 * 1024 * 1024;
const promisedBytes = 2 * largeBytes;

let rig: S3Rig;
let proxy: FaultProxy;
let service: Served;

beforeAll(async () => {
  rig = await startCeph();
  proxy = await startFaultProxy(rig.endpoint);
  const env = { ...rig.env, STORAGE_S3_ENDPOINT: proxy.endpoint };
  const start = async () => ({ env, stop: async () => undefined });
  service = await serve({ type: "s3", name: "S3Backend", start }, { STORAGE_MAX_UPLOAD_BYTES: "100000000" });
});
afterAll(async () => {
  await service?.stop();
  await proxy?.stop();
  await rig?.stop();
});

test(`${rounds} uploads that are cut half-way leave no part, no object and no connection`, async () => {
  await call(service.port, { method: "PUT", path: "/_storage/files/old", body: "old" });
  const lanes = Array.from({ length: atOnce }, async (_, lane) => {
    for (let index = lane; index < rounds; index += atOnce) await cutUpload(index);
  });
  await Promise.all(lanes);

  const begun = proxy.visits.filter(({ method, target }) => method === "POST" && target.includes("?uploads"));
  expect(begun.length).toBeGreaterThanOrEqual(Math.floor(rounds / 4));
  await expect.poll(() => socketsOn(service.port), { timeout: 10_000 }).toBe(0);
  await expect.poll(() => proxy.busy, { timeout: 10_000 }).toEqual([]);
  await expect.poll(uploadsOf, { timeout: 10_000 }).not.toContain("<Upload>");
  const list = await call(service.port, { path: "/_storage/list" });
  expect(list.json()).toMatchObject({ keys: ["old"] });
  expect((await call(service.port, { path: "/_storage/download/old" })).text).toBe("old");
}, 600_000);

async function uploadsOf(): Promise<string> {
  const text = await (await s3Request(rig, "GET", `/${rig.bucket}?uploads`)).text();
  expect(text).toContain("ListMultipartUploadsResult");
  return text;
}

/** One of four is large, and is cut when its first part is on its way. */
async function cutUpload(index: number): Promise<void> {
  const isLarge = index % 4 === 0;
  const key = `new-${index}`;
  const sent = isLarge ? largeBytes : 450;
  const socket = net.connect(service.port, "127.0.0.1");
  socket.on("error", () => undefined).resume();
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.write(headOf(index >> 2, key, isLarge ? promisedBytes : 900));
  await new Promise((resolve) => socket.write(Buffer.alloc(sent, "x"), resolve));
  if (isLarge) await expect.poll(() => hasBegun(key), { timeout: 30_000, interval: 10 }).toBe(true);
  leave(socket, index % 3);
  await closed;
}

/** The four ways to upload. */
function headOf(way: number, key: string, bytes: number): string {
  const form = `--b\r\nContent-Disposition: form-data; name="file"; filename="${key}"\r\n\r\n`;
  const heads = [
    `PUT /_storage/files/${key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${bytes}\r\n\r\n`,
    `PUT /_storage/files/${key} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${bytes.toString(16)}\r\n`,
    `POST /_storage/upload?key=${key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${bytes}\r\n\r\n`,
    `POST /_storage/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${bytes}\r\n\r\n${form}`,
  ];
  return heads[way % heads.length] ?? "";
}

function hasBegun(key: string): boolean {
  return proxy.visits.some(({ target }) => target.includes(`/${key}?uploads`));
}

/** By a reset, by an end, or by an end a while later. */
function leave(socket: net.Socket, how: number): void {
  if (how === 0) socket.resetAndDestroy();
  else if (how === 1) socket.end();
  else setTimeout(() => socket.destroy(), 20);
}

/** Connections of others to a port of this machine, as the kernel lists them (proc(5)), but for those that have ended. */
async function socketsOn(port: number): Promise<number> {
  const ended = new Set(["06", "0A"]);
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const lines = (await readFile("/proc/net/tcp", "utf8")).trim().split("\n").slice(1);
  return lines.filter((line) => {
    const [, local = "", , state = ""] = line.trim().split(/\s+/);
    return local.endsWith(`:${hex}`) && !ended.has(state);
  }).length;
}
