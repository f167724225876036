import { EventEmitter, once } from "node:events";
import net from "node:net";
import type { CallOptions, StorageBackend } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pathOf, type Service, startService } from "./service.js";

/** Calls of the backend, by verb; the listed verb never answers until its signal fires. */
const calls = new EventEmitter<Record<string, [AbortSignal | undefined]>>();
let hangingVerb = "";
let service: Service;
let readUrl: string;
let writeUrl: string;

function hanging(inner: StorageBackend): StorageBackend {
  return new Proxy(inner, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...given: readonly CallOptions[]) => {
        const signal = given.at(-1)?.signal;
        calls.emit(String(name), signal);
        return name === hangingVerb ? endOf(signal) : Reflect.apply(value, target, given);
      };
    },
  });
}

async function endOf(signal: AbortSignal | undefined): Promise<never> {
  if (signal?.aborted === false) await once(signal, "abort");
  throw new Error("the call ended");
}

beforeAll(async () => {
  service = await startService({
    backend: new MemoryBackend({ baseUrl: "http://x/files" }),
    wrap: hanging,
  });
  readUrl = pathOf(String((await service.storage.put("k", "kept")).url));
  writeUrl = pathOf(await service.storage.getUploadUrl("k", { contentType: "text/plain" }));
});
afterAll(() => service.close());

test.each([
  ["read", "GET /_storage/download/k"],
  ["stat", "HEAD /_storage/download/k"],
  ["stat", "GET /_storage/download/k", 'If-None-Match: "x"'],
  ["read", "GET /_storage/download/k", 'If-None-Match: "x"'],
  ["read", "GET {read}"],
  ["stat", "HEAD {read}"],
  ["stat", "GET /_storage/metadata/k"],
  ["list", "GET /_storage/list"],
  ["stat", "DELETE /_storage/files/k"],
  ["remove", "DELETE /_storage/files/k"],
  ["write", "PUT /_storage/files/k", "Content-Length: 1"],
  ["stat", "PUT /_storage/files/k", "Content-Length: 1\r\nIf-Match: *"],
  ["write", "POST /_storage/upload?key=k", "Content-Length: 1"],
  ["write", "PUT {write}", "Content-Length: 1\r\nContent-Type: text/plain"],
])("a client that leaves aborts %s of %s %s", async (verb, line, header = "X: y") => {
  hangingVerb = verb;
  const called = once(calls, verb);
  const target = line.replace("{read}", readUrl).replace("{write}", writeUrl);
  const body = header.startsWith("Content-Length") ? "x" : "";
  const socket = net.connect(service.port, "127.0.0.1");
  socket.write(`${target} HTTP/1.1\r\nHost: localhost\r\n${header}\r\n\r\n${body}`);
  const [signal] = await called;
  expect(signal).toMatchObject({ aborted: false });
  socket.destroy();
  await once(signal, "abort");
});

test("a client that gets its answer has aborted nothing", async () => {
  hangingVerb = "";
  const signals: AbortSignal[] = [];
  for (const verb of ["write", "read"]) calls.on(verb, (signal) => signals.push(signal as AbortSignal));
  const root = `http://127.0.0.1:${service.port}/_storage`;
  const body = "x".repeat(200_000);
  expect((await fetch(`${root}/files/k`, { method: "PUT", body })).status).toBe(200);
  expect(await (await fetch(`${root}/download/k`)).text()).toBe(body);
  await service.close();
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
});
