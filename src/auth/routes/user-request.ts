import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";

/** A time as an answer tells it (RFC 3339). */
export const date = z.date().meta({ type: "string", format: "date-time" });

/** The id of the signed-in user; the routes that call this are below a scope that requires one. */
export function userIdOf({ user }: FastifyRequest): string {
  if (user === undefined) throw new Error("a route for users was called without one");
  return user.id;
}

/** The `:id` of a path. */
export function parameterOf({ params }: FastifyRequest): string {
  return String(Object(params).id);
}

/** What holds a secret is kept by no cache (RFC 6749 §5.1). */
export function noStore(reply: FastifyReply): FastifyReply {
  return reply.header("cache-control", "no-store");
}

/** One line for each security event. */
export function logUserEvent(request: FastifyRequest, event: string, facts: object = {}): void {
  const { user, ip: address, log } = request;
  log.info({ event, outcome: "done", actor: user?.id, ...facts, address }, "security event");
}
