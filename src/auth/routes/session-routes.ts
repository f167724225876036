import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { HttpError, type Route, route } from "../../http/index.js";
import type { AuthUsers } from "../auth-users.js";
import { date, logUserEvent, noStore, parameterOf, userIdOf } from "./user-request.js";

const signIn = z.object({
  id: z.string(),
  kind: z.enum(["browser", "tokens"]),
  isCurrent: z.boolean(),
  startedAt: date,
  renewedAt: date,
  expiresAt: date,
  factor: z.int(),
  tenant: z.string().nullable(),
  address: z.string().nullable(),
  userAgent: z.string().nullable(),
});

/** The routes by which users see where they are signed in, and end it there. */
export function sessionRoutes({ signIns }: AuthUsers): Route[] {
  return [
    route({
      method: "GET",
      path: "/sessions",
      summary: "List where the user is signed in: sessions of browsers, and tokens",
      permission: "user",
      answers: { 200: z.array(signIn) },
      handle: async ({ request, reply }) => {
        const all = await signIns.list(userIdOf(request));
        noStore(reply);
        return all.map((each) => ({ ...each, isCurrent: each.id === currentOf(request) }));
      },
    }),
    route({
      method: "DELETE",
      path: "/sessions/:id",
      summary: "End one sign-in of the user",
      permission: "user",
      answers: { 204: z.undefined() },
      handle: async ({ request, reply }) => {
        const id = parameterOf(request);
        if (!(await signIns.end(userIdOf(request), id))) {
          throw new HttpError(404, "not_found", "the user has no such session");
        }
        logUserEvent(request, "session/revoke", { session: id });
        return reply.code(204).send();
      },
    }),
    route({
      method: "DELETE",
      path: "/sessions",
      summary: "End all sign-ins of the user but the one of the request",
      permission: "user",
      answers: { 204: z.undefined() },
      handle: async ({ request, reply }) => {
        await signIns.endOthers(userIdOf(request), currentOf(request));
        logUserEvent(request, "session/revoke-others");
        return reply.code(204).send();
      },
    }),
  ];
}

function currentOf({ user }: FastifyRequest): string {
  return user?.session?.id ?? "";
}
