import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { type FastifyInstance, fastify } from "fastify";
import { addStorage, type EasyStorageOptions, easyStorage } from "svc-infra";
import type { FileDetails } from "svc-infra/storage";

const folder = "documents/";

/** The same documents in a storage: kept wherever the environment says, streamed both ways, reached by signed URLs. */
export async function documentsService(options: EasyStorageOptions = {}): Promise<FastifyInstance> {
  const app = fastify();
  const storage = await addStorage(app, easyStorage({ maxUploadBytes: 100 * 2 ** 20, ...options }), {
    serveFiles: true,
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", async (_request: unknown, body: Readable) => body);

  app.post<{ Querystring: { name: string }; Body: Readable }>("/documents", async (request, reply) => {
    const file = await storage.put(folder + randomUUID(), request.body, {
      filename: request.query.name,
      contentType: request.headers["content-type"],
    });
    return reply.code(201).send(await describe(file));
  });

  app.get("/documents", async () => {
    const keys = await storage.listKeys({ prefix: folder });
    return Promise.all(keys.map(async (key) => describe(await storage.getMetadata(key))));
  });

  app.get<{ Params: { id: string } }>("/documents/:id", async (request) => {
    return describe(await storage.getMetadata(folder + request.params.id));
  });

  app.get<{ Params: { id: string } }>("/documents/:id/content", async (request, reply) => {
    return reply.redirect(await storage.getUrl(folder + request.params.id));
  });

  app.delete<{ Params: { id: string } }>("/documents/:id", async (request, reply) => {
    return (await storage.delete(folder + request.params.id)) ? reply.code(204).send() : reply.callNotFound();
  });

  async function describe({ key, filename, contentType, size }: FileDetails) {
    const id = key.slice(folder.length);
    return { id, name: filename, contentType, size, url: await storage.getUrl(key) };
  }

  return app;
}
