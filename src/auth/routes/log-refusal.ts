import type { FastifyRequest } from "fastify";
import { findUser } from "./current-user.js";
import { logUserEvent } from "./user-request.js";

/** The events of the kit's routes; those of tokens log their refusals themselves, with the user of the token. */
const events: Readonly<Record<string, string>> = {
  "GET /sessions": "session/list",
  "DELETE /sessions/:id": "session/revoke",
  "DELETE /sessions": "session/revoke-others",
  "GET /api-keys": "api-key/list",
  "POST /api-keys": "api-key/create",
  "DELETE /api-keys/:id": "api-key/revoke",
  "POST /api-keys/:id/rotate": "api-key/rotate",
  "GET /account": "account/export",
  "DELETE /account": "account/erase",
};

/** One line for each request of a user that a route of the kit refused. Without a user there is no actor to tell of. */
export async function logRefusal(request: FastifyRequest, basePath: string, error: Error): Promise<void> {
  const { method, routeOptions } = request;
  const event = events[`${method} ${(routeOptions.url ?? "").slice(basePath.length)}`];
  const { code, statusCode } = Object(error);
  if (event === undefined || typeof code !== "string" || !(statusCode < 500)) return;
  const actor = (await findUser(request))?.user.id;
  if (actor !== undefined) logUserEvent(request, event, { outcome: code, actor });
}
