import { randomUUID } from "node:crypto";
import { type FastifyInstance, fastify } from "fastify";

interface Document {
  readonly id: string;
  readonly name: string;
  readonly contentType: string;
  readonly content: Buffer;
}

/** Documents in a `Map`: gone at every restart, each one whole in memory, served as whatever the client said it was. */
export async function documentsService(): Promise<FastifyInstance> {
  const app = fastify({ bodyLimit: 100 * 2 ** 20 });
  const documents = new Map<string, Document>();

  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, async (_request: unknown, body: Buffer) => body);

  app.post<{ Querystring: { name: string }; Body: Buffer }>("/documents", async (request, reply) => {
    const document = {
      id: randomUUID(),
      name: request.query.name,
      contentType: request.headers["content-type"] ?? "application/octet-stream",
      content: request.body,
    };
    documents.set(document.id, document);
    return reply.code(201).send(describe(document));
  });

  app.get("/documents", async () => {
    return [...documents.values()].map(describe);
  });

  app.get<{ Params: { id: string } }>("/documents/:id", async (request, reply) => {
    const document = documents.get(request.params.id);
    return document === undefined ? reply.callNotFound() : describe(document);
  });

  app.get<{ Params: { id: string } }>("/documents/:id/content", async (request, reply) => {
    const document = documents.get(request.params.id);
    if (document === undefined) return reply.callNotFound();
    return reply.type(document.contentType).send(document.content);
  });

  app.delete<{ Params: { id: string } }>("/documents/:id", async (request, reply) => {
    return documents.delete(request.params.id) ? reply.code(204).send() : reply.callNotFound();
  });

  function describe({ id, name, contentType, content }: Document) {
    return { id, name, contentType, size: content.byteLength, url: `/documents/${id}/content` };
  }

  return app;
}
