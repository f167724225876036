import { z } from "zod";
import { HttpError, type Route, route } from "../../http/index.js";
import type { AuthUsers } from "../auth-users.js";
import { date, logUserEvent, noStore, parameterOf, userIdOf } from "./user-request.js";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const scope = z.string().regex(/^[a-z][a-z0-9_.:-]{0,63}$/);
const apiKey = z.object({
  id: z.string(),
  name: z.string(),
  prefix: z.string(),
  scopes: z.array(z.string()),
  tenant: z.string().nullable(),
  expiresAt: date.nullable(),
  lastUsedAt: date.nullable(),
  replacedAt: date.nullable(),
  createdAt: date,
});
const withKey = apiKey.extend({ key: z.string() });
const newKey = z.strictObject({
  name: z.string().min(1).max(100),
  scopes: z.array(scope).max(50),
  expiresInDays: z.int().min(1).max(3650).optional(),
});
const tokenPair = z.object({ accessToken: z.string(), refreshToken: z.string(), expiresIn: z.int() });
/** The `token` of a sign-in: signed, as its cookie is. */
const session = z.strictObject({ session: z.string().min(1).max(200) });
const refresh = z.strictObject({ refreshToken: z.string().min(1).max(200) });

/** The routes of API keys. */
export function apiKeyRoutes({ apiKeys }: AuthUsers): Route[] {
  return [
    route({
      method: "GET",
      path: "/api-keys",
      summary: "List the API keys of the user",
      permission: "user",
      answers: { 200: z.array(apiKey) },
      handle: ({ request }) => apiKeys.list(userIdOf(request)),
    }),
    route({
      method: "POST",
      path: "/api-keys",
      summary: "Make an API key; it is told once",
      permission: "user",
      body: newKey,
      answers: { 201: withKey },
      handle: async ({ request, reply, body: { name, scopes, expiresInDays } }) => {
        const expiresAt =
          expiresInDays === undefined ? undefined : new Date(Date.now() + expiresInDays * dayMs);
        const tenant = request.user?.tenant;
        const created = await apiKeys.create({ userId: userIdOf(request), name, scopes, tenant, expiresAt });
        logUserEvent(request, "api-key/create", { key: created.id });
        return noStore(reply).code(201).send(created);
      },
    }),
    route({
      method: "DELETE",
      path: "/api-keys/:id",
      summary: "End an API key",
      permission: "user",
      answers: { 204: z.undefined() },
      handle: async ({ request, reply }) => {
        const id = parameterOf(request);
        if (!(await apiKeys.revoke(userIdOf(request), id))) throw noSuchKey();
        logUserEvent(request, "api-key/revoke", { key: id });
        return reply.code(204).send();
      },
    }),
    route({
      method: "POST",
      path: "/api-keys/:id/rotate",
      summary: "Make a key that replaces another; both work for a while",
      permission: "user",
      body: z.strictObject({ overlapMinutes: z.int().min(0).max(43_200).default(60) }),
      answers: { 201: withKey },
      handle: async ({ request, reply, body: { overlapMinutes } }) => {
        const id = parameterOf(request);
        const created = await apiKeys.rotate(userIdOf(request), id, overlapMinutes * minuteMs);
        if (created === undefined) throw noSuchKey(", or it was replaced already");
        logUserEvent(request, "api-key/rotate", { key: id });
        return noStore(reply).code(201).send(created);
      },
    }),
  ];
}

/** The routes of tokens for clients without cookies. */
export function tokenRoutes({ tokens }: AuthUsers): Route[] {
  return [
    route({
      method: "POST",
      path: "/tokens",
      summary: "Turn what a sign-in answered into an access and a refresh token; its session ends",
      body: session,
      answers: { 200: tokenPair },
      handle: async ({ request, reply, body }) => {
        const begun = await tokens.begin(body.session);
        logUserEvent(request, "tokens", outcomeOf(begun?.userId));
        if (begun === undefined)
          throw new HttpError(
            401,
            "invalid_token",
            "there is no such session; send the 'token' that a sign-in answered",
          );
        return noStore(reply).send(begun.pair);
      },
    }),
    route({
      method: "POST",
      path: "/tokens/refresh",
      summary: "Replace a refresh token; a second use ends all tokens of the sign-in",
      body: refresh,
      answers: { 200: tokenPair },
      handle: async ({ request, reply, body }) => {
        const refreshed = await tokens.refresh(body.refreshToken);
        const outcome = "pair" in refreshed ? "done" : refreshed.refused;
        logUserEvent(request, "tokens/refresh", { outcome, actor: refreshed.userId });
        if ("pair" in refreshed) return noStore(reply).send(refreshed.pair);
        throw new HttpError(401, "invalid_token", "the refresh token does not work; sign in again");
      },
    }),
    route({
      method: "POST",
      path: "/tokens/revoke",
      summary: "End all tokens of a sign-in",
      body: refresh,
      answers: { 204: z.undefined() },
      handle: async ({ request, reply, body }) => {
        logUserEvent(request, "tokens/revoke", outcomeOf(await tokens.revoke(body.refreshToken)));
        return reply.code(204).send();
      },
    }),
  ];
}

function outcomeOf(actor: string | undefined) {
  return { outcome: actor === undefined ? "unknown" : "done", actor };
}

function noSuchKey(suffix = ""): HttpError {
  return new HttpError(404, "not_found", `the user has no such API key${suffix}`);
}
