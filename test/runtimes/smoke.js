// What every runtime must be able to do; ends with 0 and the word "whole" when it could.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Fastify from "fastify";
import { addStorage, easyServiceApp } from "svc-infra";
import { PreconditionFailedError, Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { MemoryBackend } from "svc-infra/storage/memory";

const folder = mkdtempSync(join(tmpdir(), "smoke-"));
try {
  for (const backend of [new MemoryBackend(), new LocalBackend({ basePath: folder })]) {
    await overHttp(backend);
    await inCode(backend);
  }
  await wholeService();
  console.log("whole");
} finally {
  rmSync(folder, { recursive: true });
}

async function overHttp(backend) {
  const app = Fastify();
  await addStorage(app, backend, { authorize: "open", serveFiles: true });
  const url = (await app.listen({ port: 0, host: "127.0.0.1" })).replace("127.0.0.1", "localhost");
  const form = new FormData();
  form.append("file", new Blob(["Hello, world"], { type: "text/plain" }), "hello.txt");
  const uploaded = await fetch(`${url}/_storage/upload`, { method: "POST", body: form });
  assert.equal(uploaded.status, 200);
  const { key, url: signed } = await uploaded.json();
  assert.equal(key, "hello.txt");
  assert.equal(await (await fetch(signed)).text(), "Hello, world");
  const part = await fetch(signed, { headers: { range: "bytes=7-" } });
  assert.deepEqual([part.status, await part.text()], [206, "world"]);
  assert.equal((await fetch(`${signed}x`)).status, 403);
  const { keys } = await (await fetch(`${url}/_storage/list`)).json();
  assert.deepEqual(keys, ["hello.txt"]);
  assert.equal((await fetch(`${url}/_storage/files/hello.txt`, { method: "DELETE" })).status, 204);
  assert.equal((await fetch(`${url}/_storage/download/hello.txt`)).status, 404);
  // The backend goes on in the next step, so only the listener ends here.
  await new Promise((resolve) => app.server.close(resolve));
}

async function inCode(backend) {
  const storage = new Storage(backend);
  const piece = Buffer.alloc(65_536, "svc");
  const hash = createHash("sha256");
  const pieces = (async function* () {
    for (let count = 0; count < 64; count++) {
      hash.update(piece);
      yield piece;
    }
  })();
  const { size } = await storage.put("large.bin", pieces);
  assert.equal(size, 64 * piece.byteLength);
  const { body } = await storage.open("large.bin");
  const read = createHash("sha256");
  for await (const each of body) read.update(each);
  assert.equal(read.digest("hex"), hash.digest("hex"));
  await assert.rejects(storage.put("large.bin", "x", { ifAbsent: true }), PreconditionFailedError);
  await storage.copy("large.bin", "copy.bin");
  assert.deepEqual(await storage.listKeys(), ["copy.bin", "large.bin"]);
  assert.equal(await storage.delete("copy.bin"), true);
  await storage.close();
}

async function wholeService() {
  const app = await easyServiceApp({ name: "smoke", env: { STORAGE_BACKEND: "memory" }, logLevel: "silent" });
  assert.equal((await app.inject("/ping")).statusCode, 200);
  assert.equal((await app.inject("/docs/json")).statusCode, 200);
  const ready = await app.inject("/readyz");
  assert.equal(ready.statusCode, 200, ready.body);
  await app.close();
}
