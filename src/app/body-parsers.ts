import type { IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { contentTooLarge, leastRate, type Rate, readWhole } from "../http/index.js";

type Done = (error: Error | null, body?: unknown) => void;
type TextParser = (request: FastifyRequest, text: string, done: Done) => void;

/**
 * Reads JSON and text for the application's own routes as Fastify does, and refuses a body that comes too slowly (408): one
 * byte a minute is no idle connection, and would hold it for days.
 */
export function addBodyParsers(app: FastifyInstance, rate = leastRate): void {
  const parsers = {
    "application/json": app.getDefaultJsonParser("error", "error"),
    "text/plain": app.defaultTextParser,
  };
  for (const [type, parse] of Object.entries(parsers)) {
    app.removeContentTypeParser(type);
    app.addContentTypeParser(type, withRate(parse as TextParser, rate));
  }
}

function withRate(parse: TextParser, rate: Rate) {
  return (request: FastifyRequest, payload: IncomingMessage, done: Done) => {
    const maxBytes = request.routeOptions.bodyLimit;
    if (Number(request.headers["content-length"]) > maxBytes) {
      done(contentTooLarge({ maxBytes, envelopeBytes: 0 }));
      return;
    }
    readWhole(payload, maxBytes, rate).then((bytes) => parse(request, String(bytes), done), done);
  };
}
