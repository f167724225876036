import Fastify from "fastify";
import { listening, portOf } from "./answer.js";
import { contentOf, fixtures, smallBytes } from "./fixtures.js";

/** What 200 and 304 of svc-infra share. */
const validators = {
  "cache-control": "private, no-cache",
  "last-modified": "Sun, 29 Nov 2026 00:00:00 GMT",
  "accept-ranges": "bytes",
  "x-content-type-options": "nosniff",
  etag: '"9c36b85842d743c4665923ee"',
};
const described = {
  ...validators,
  "content-type": "text/plain; charset=utf-8",
  "content-disposition": 'inline; filename="0.bin"',
  "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "cross-origin",
};
const content = contentOf(smallBytes);
const app = Fastify();
app.get("/files/*", (request, reply) => {
  if (request.headers["if-none-match"] === validators.etag) reply.code(304).headers(validators).send();
  else reply.headers(described).send(content);
});
await app.listen({ port: 0, host: "127.0.0.1" });
const small = fixtures().filter(({ key }) => key.startsWith("small/"));
listening({ port: portOf(app.server), small: small.map(({ key }) => `/files/${key}`) });
