import { once } from "node:events";
import http2, { type ClientHttp2Session } from "node:http2";
import { setTimeout as after } from "node:timers/promises";
import Fastify from "fastify";
import { type AddStorageOptions, addIdempotency, addStorage } from "svc-infra";
import type { Storage } from "svc-infra/storage";
import { afterEach, expect, it } from "vitest";
import { makeBackend, pathOf } from "../acceptance/service.js";
import { watchBodies } from "./open-bodies.js";

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A service of HTTP/2 on local disk, and a client's session. */
async function start(
  options: AddStorageOptions = {},
): Promise<{ storage: Storage; session: ClientHttp2Session }> {
  const { backend, remove } = await makeBackend("local");
  const app = Fastify({ http2: true });
  const storage = await addStorage(app, backend, { authorize: "open", serveFiles: true, ...options });
  await app.listen({ port: 0, host: "127.0.0.1" });
  const session = http2.connect(`http://127.0.0.1:${Object(app.server.address()).port}`);
  session.on("error", () => undefined);
  closers.push(
    remove,
    () => app.close(),
    () => session.destroy(),
  );
  return { storage, session };
}

function request(session: ClientHttp2Session, method: string, path: string, body?: string) {
  const stream = session.request({ ":method": method, ":path": path }, { endStream: body === undefined });
  stream.on("error", () => undefined);
  if (body !== undefined) stream.write(body);
  return stream;
}

it.each([0, 15])("an upload that is reset replaces nothing, with %i ms of authorization", async (waitMs) => {
  const authorize = async () => {
    await after(waitMs);
    return true;
  };
  const { storage, session } = await start({ authorize });
  await storage.put("a.txt", "precious");
  const url = await storage.getUploadUrl("a.txt", { contentType: "text/plain" });
  for (const path of ["/_storage/files/a.txt", pathOf(url)]) {
    const upload = request(session, "PUT", path, "ha");
    await after(5);
    // It resets the stream; `close` would end the content first.
    upload.destroy();
    await after(50);
    expect(String(await storage.get("a.txt"))).toBe("precious");
    const early = request(session, "PUT", path, "ha");
    setImmediate(() => early.destroy());
    await after(50);
    expect(String(await storage.get("a.txt"))).toBe("precious");
  }
  const whole = request(session, "PUT", "/_storage/files/a.txt", "whole");
  whole.end();
  expect((await once(whole, "response"))[0]).toMatchObject({ ":status": 200 });
  expect(String(await storage.get("a.txt"))).toBe("whole");
});

it("a download that is reset leaves no file open", async () => {
  const authorize = async () => {
    await after(15);
    return true;
  };
  const { storage, session } = await start({ authorize });
  await storage.put("large.bin", Buffer.alloc(4_000_000));
  const { counts, stop } = watchBodies();
  closers.push(stop);
  for (let waitMs = 1; waitMs < 60; waitMs += 2) {
    const download = request(session, "GET", "/_storage/download/large.bin");
    await after(waitMs);
    download.destroy();
  }
  await after(100);
  expect(counts.opened).toBeGreaterThan(0);
  await expect.poll(() => counts.open).toBe(0);
});

it("a stream whose content was refused is closed with its answer", async () => {
  const { session } = await start({ maxUploadBytes: 10 });
  const upload = request(session, "PUT", "/_storage/files/a.txt", "more than ten bytes");
  expect((await once(upload, "response"))[0]).toMatchObject({ ":status": 413 });
  upload.resume();
  if (!upload.closed) await once(upload, "close");
  expect(upload.rstCode).toBe(0);
});

it("a key of idempotency is ignored where content of unknown length is read by the route", async () => {
  const app = Fastify({ http2: true });
  closers.push(() => app.close());
  await addIdempotency(app, { env: {} });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_, __, done) => done(null, undefined));
  const seen: string[] = [];
  app.post("/read", async ({ raw }) => {
    let text = "";
    for await (const piece of raw) text += String(piece);
    seen.push(text);
    return text;
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  const session = http2.connect(`http://127.0.0.1:${Object(app.server.address()).port}`);
  closers.push(() => session.destroy());
  for (const text of ["one", "two"]) {
    const headers = {
      ":method": "POST",
      ":path": "/read",
      "idempotency-key": "k",
      "content-type": "text/plain",
    };
    const stream = session.request(headers);
    stream.end(text);
    let answer = "";
    stream.on("data", (piece) => {
      answer += String(piece);
    });
    await once(stream, "end");
    expect(answer).toBe(text);
  }
  expect(seen).toEqual(["one", "two"]);
});
