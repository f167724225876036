import cors from "@fastify/cors";
import swagger from "@fastify/swagger";
import Fastify from "fastify";
import { pino } from "pino";
import { addStorage, bearerToken, easyStorage, getStorage, receiveUpload } from "svc-infra";
import { FileNotFoundError, Storage, StorageError, safeKey } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { S3Backend } from "svc-infra/storage/s3";

/** What a newcomer writes on the first day; which storage it is, only the environment says. */
const app = Fastify({ loggerInstance: pino({ level: "warn" }) });
await app.register(cors, { origin: process.env.PAGES ?? false, methods: ["GET", "PUT", "POST", "DELETE"] });
await app.register(swagger, { openapi: { info: { title: "Photos", version: "1" } } });
const storage = await addStorage(app, { authorize: bearerToken(process.env.API_TOKEN ?? "") });
// A second storage has a name of its own; this one has no URLs.
const drafts = await addStorage(app, new MemoryBackend(), { decorator: "drafts", serveFiles: false });

interface Named {
  Params: { name: string };
}

app.post("/photos", async (request) => {
  const { files, fields } = await receiveUpload(request, {
    key: ({ filename = "photo" }) => `photos/${safeKey(filename)}`,
    maxBytes: "1MB",
    types: ["image/*"],
    maxFiles: 5,
    cacheControl: "private, max-age=60",
    ifAbsent: true,
  });
  return { title: fields.get("title"), photos: files.map(({ stored }) => stored) };
});

app.get("/photos", async (request) => {
  const keys: readonly string[] = await getStorage(request).listKeys({ prefix: "photos/" });
  const urls = await getStorage(request).getUrls(keys, {
    expiresIn: 600,
    stableFor: 3600,
    cacheControl: "private, max-age=600",
  });
  return keys.map((key, index) => ({ key, url: urls[index] }));
});

app.get<Named>("/photos/:name", async (request, reply) => {
  const key = `photos/${request.params.name}`;
  const [bytes, { contentType, filename, cacheControl }] = await Promise.all([
    storage.get(key),
    storage.getMetadata(key),
  ]);
  // Bytes of `get` go where the web's own types want them.
  const blob = new Blob([bytes], { type: contentType });
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  const { byteLength } = await new Response(bytes).arrayBuffer();
  reply.headers({
    "x-sha256": Buffer.from(digest).toString("hex"),
    "x-filename": encodeURIComponent(filename ?? ""),
    "x-bytes": String(byteLength),
  });
  reply.headers({ "x-kept": cacheControl ?? "" });
  return reply.type(blob.type).send(Buffer.from(await blob.arrayBuffer()));
});

app.get<Named>("/photos/:name/download", async (request, reply) => {
  const options = { download: true, filename: "Für dich.png", expiresIn: 60 };
  return reply.redirect(await storage.getUrl(`photos/${request.params.name}`, options));
});

app.delete<Named>("/photos/:name", async (request, reply) => {
  const wasThere = await storage.delete(`photos/${request.params.name}`);
  return reply.code(wasThere ? 204 : 404).send();
});

/** A picture of one dot. */
const dot = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

app.post("/logo", async () => {
  const file = new File([Buffer.from(dot, "base64")], "logo.gif", { type: "image/gif" });
  const { key, url } = await storage.put("public/logo.gif", file, {
    cacheControl: "public, max-age=31536000, immutable",
    contentDisposition: "inline",
    contentLanguage: "en",
    contentEncoding: "identity",
  });
  return { key, signed: url, url: await storage.getUrl(key, { public: true }) };
});

// The two routes that the browser client asks; the bytes go straight to the storage.
app.post("/direct/uploads", async (request) => {
  const { size, contentType } = request.body as { size: number; contentType: string };
  return storage.prepareUpload("photos/direct.png", { size, contentType, expiresIn: 600 });
});
app.post<{ Params: { id: string } }>("/direct/uploads/:id/complete", async (request) => {
  return storage.completeUpload(request.params.id);
});

// One upload without the client: the URL takes one PUT of this type.
app.post("/upload-url", async () => {
  try {
    return {
      url: await storage.getUploadUrl("inbox/note.txt", { contentType: "text/plain", expiresIn: 60 }),
    };
  } catch (error) {
    if (error instanceof StorageError) return { code: error.code, message: error.message };
    throw error;
  }
});

app.get("/folders", async () => {
  const { items, prefixes, cursor } = await storage.list({ delimiter: "/" });
  return { files: items.map(({ key }) => key), folders: prefixes, isAll: cursor === undefined };
});

app.post("/drafts", async () => {
  const { size, url } = await drafts.put("draft.txt", "a draft");
  return {
    size,
    hasUrl: url !== undefined,
    isOwn: getStorage(app, "drafts") === drafts && !(await storage.exists("draft.txt")),
  };
});

app.get("/keys", async () => {
  const keys: string[] = [];
  for await (const key of storage.listAllKeys()) keys.push(key);
  return keys;
});

app.get("/openapi", { schema: { hide: true } }, async () => app.swagger());

app.get("/wrong", async () => {
  try {
    return await storage.get("photos/none.png");
  } catch (error) {
    if (error instanceof FileNotFoundError) return { code: error.code, isOne: error instanceof StorageError };
    throw error;
  }
});

/** What JavaScript lets a newcomer write on the first day, each with the sentence that it gets. */
app.get("/refusals", async () => {
  const wrong: Record<string, () => unknown> = {
    twice: () => addStorage(app),
    "a name": () => addStorage(Fastify(), "s3" as never),
    "options of another library": () => easyStorage({ backend: "s3", credentials: {} } as never, {}),
    "no bucket": () => new S3Backend({ bucket: undefined } as never),
    "no backend": () => new Storage("s3" as never),
    "a misspelled option": () => storage.put("a.txt", "a", { cacheControll: "no-store" } as never),
    "an option of S3": () => storage.getUrl("a.txt", { expires: 60 } as never),
  };
  const told = Object.entries(wrong).map(async ([what, call]) => {
    const error: unknown = await (async () => call())().catch((reason: unknown) => reason);
    return [what, error instanceof Error ? error.message : "no error"];
  });
  return Object.fromEntries(await Promise.all(told));
});

await app.listen({ port: Number(process.env.PORT ?? 8000), host: "127.0.0.1" });
