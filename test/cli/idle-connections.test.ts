import net from "node:net";
import { setTimeout as after } from "node:timers/promises";
import { addStorage, easyServiceApp, type ServiceApp } from "svc-infra";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, beforeEach, expect, test } from "vitest";

const idleTimeoutMs = 400;
const bigBytes = 32 * 1024 * 1024;
let app: ServiceApp;
let port: number;

beforeEach(async () => {
  app = await easyServiceApp({ name: "idle", env: {}, logLevel: "silent", idleTimeoutMs });
  const storage = await addStorage(app, new MemoryBackend(), { authorize: "open" });
  await storage.put("big", Buffer.alloc(bigBytes), { maxBytes: bigBytes });
  await app.listen({ port: 0, host: "127.0.0.1" });
  const address = app.server.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
});
afterEach(() => app.close());

function connections(): Promise<number> {
  return new Promise((resolve, reject) =>
    app.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );
}

function connect(): net.Socket {
  return net.connect(port, "127.0.0.1").on("error", () => undefined);
}

const form = "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n\r\n";
const field = '--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nhal';

test.each([
  ["bare content", "PUT /_storage/files/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf"],
  ["a field of a form", `POST /_storage/upload HTTP/1.1\r\nHost: localhost\r\n${form}${field}`],
  [
    "a request to sign",
    'POST /_storage/sign HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"ke',
  ],
  ["a download that nobody reads", "GET /_storage/download/big HTTP/1.1\r\nHost: localhost\r\n\r\n"],
])("a connection that stalls amid %s is closed", async (_, start) => {
  const socket = connect().pause();
  socket.write(start);
  await expect.poll(connections).toBe(1);
  await expect.poll(connections, { timeout: 10_000 }).toBe(0);
  socket.destroy();
});

test("an upload that is slow but moves is taken, however long it takes", async () => {
  const socket = connect();
  let answer = "";
  socket.on("data", (piece) => {
    answer += piece;
  });
  socket.write("PUT /_storage/files/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n\r\n");
  for (let sent = 0; sent < 12; sent += 1) {
    await after(idleTimeoutMs / 4);
    socket.write("x");
  }
  await expect.poll(() => answer).toMatch(/^HTTP\/1\.1 200 /);
  socket.destroy();
});

test("a download that is read slowly is sent whole, however long it takes", async () => {
  const socket = connect();
  let received = 0;
  socket.write("GET /_storage/download/big HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  for await (const piece of socket) {
    const before = Math.floor(received / (4 * 1024 * 1024));
    received += piece.length;
    if (Math.floor(received / (4 * 1024 * 1024)) > before) await after(idleTimeoutMs / 4);
  }
  expect(received).toBeGreaterThan(bigBytes);
});
