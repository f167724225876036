// @ts-check
import Fastify from "fastify";
import { addStorage, getStorage, receiveUpload } from "svc-infra";
import { clamav } from "svc-infra/storage/policy";

/*
 * A service of its own process, with the storage and the policy of its environment, and a route for each call by which an
 * application stores content itself. It says its port when it listens.
 */
const app = Fastify({ bodyLimit: 2 ** 40 });
app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
const contentType = "application/octet-stream";
const { CLAMD_SOCKET: socket = "", CLAMD_MAX_BYTES: maxBytes } = process.env;
// On a busy machine a verdict on that much takes its time.
const scan = clamav({ socket, maxBytes: Number(maxBytes), timeoutMs: 600_000 });
/** @type {Pick<import("svc-infra").AddStorageOptions, "authorize" | "policy">} */
const ruled = { authorize: "open", policy: { types: [contentType], scan } };
await addStorage(app, { ...ruled, serveFiles: true });
// The same storage once more, for clients that send to the provider itself.
const provider = { decorator: "provider", managementPrefix: "/_provider", serveFiles: false };
if (process.env.STORAGE_BACKEND === "s3") await addStorage(app, { ...ruled, ...provider });

/** @param {import("fastify").FastifyRequest} request */
const queryOf = (request) => /** @type {Record<string, string>} */ (request.query);
/** @param {import("fastify").FastifyRequest} request */
const contentOf = (request) => /** @type {import("node:stream").Readable} */ (request.body);

app.post("/put", async (request) => {
  const { key } = await getStorage(request).put(queryOf(request).key ?? "", contentOf(request), {
    contentType,
  });
  return { key };
});

app.post("/receive", async (request) => {
  const { files } = await receiveUpload(request, { key: () => queryOf(request).key ?? "" });
  return files.map(({ stored }) => stored.key);
});

app.post("/parts", async (request) => {
  const { key = "", bytes } = queryOf(request);
  const upload = await getStorage(request).createUpload(key, { contentType });
  let number = 0;
  for await (const part of partsOf(contentOf(request), Number(bytes))) {
    number += 1;
    await upload.writePart(number, part);
  }
  return { key: (await upload.complete()).key };
});

app.post("/copy", async (request) => {
  const { from = "", key = "" } = queryOf(request);
  return { key: (await getStorage(request).copy(from, key)).key };
});

app.post("/import", async (request) => {
  const { url = "", port, key = "" } = queryOf(request);
  const reach = { allowHttp: true, allowPrivateAddresses: true, ports: [Number(port)], timeoutMs: 1_200_000 };
  const stored = await getStorage(request).putFromUrl(key, url, { ...reach, maxBytes: 2 ** 40 });
  return { key: stored.key };
});

app.post("/sign", async (request) => {
  const { key = "", bytes } = queryOf(request);
  return { url: await getStorage(request).getUploadUrl(key, { contentType, size: Number(bytes) }) };
});

/**
 * Content in parts, none of which is ever in memory as a whole.
 *
 * @param {AsyncIterable<Uint8Array>} source
 * @param {number} partBytes
 */
async function* partsOf(source, partBytes) {
  const pieces = source[Symbol.asyncIterator]();
  let next = await pieces.next();
  async function* part() {
    for (let left = partBytes; left > 0 && !next.done; ) {
      const piece = /** @type {Uint8Array} */ (next.value);
      const taken = piece.subarray(0, left);
      left -= taken.byteLength;
      next =
        taken.byteLength < piece.byteLength
          ? { done: false, value: piece.subarray(taken.byteLength) }
          : await pieces.next();
      yield taken;
    }
  }
  while (!next.done) yield part();
}

await app.listen({ port: 0, host: "127.0.0.1" });
process.stdout.write(`${JSON.stringify(app.server.address())}\n`);
