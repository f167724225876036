import type { FastifyInstance, FastifyRequest } from "fastify";
import { HttpError, keepNoAnswers, mountRoutes, problemHandler } from "../../http/index.js";
import type { AuthUsers } from "../auth-users.js";
import { accountRoutes } from "./account-routes.js";
import { apiKeyRoutes, tokenRoutes } from "./key-routes.js";
import { logRefusal } from "./log-refusal.js";
import { checkProof, knownUser } from "./require-user.js";
import { sessionRoutes } from "./session-routes.js";

/** For what a stolen session must not do. */
const provenMs = 10 * 60_000;

/** The routes of users that the library does not have: sessions by id, API keys, tokens, the account as a whole. */
export async function kitRoutes(scope: FastifyInstance, users: AuthUsers): Promise<void> {
  keepNoAnswers(scope);
  scope.setErrorHandler(problemHandler(false));
  const authorize = async (request: FastifyRequest, permission: string) => {
    const user = await knownUser(request);
    if (user.session === undefined) {
      throw new HttpError(403, "needs_session", "this is for users who are signed in, not for API keys");
    }
    if (permission === "proven user") checkProof(user, provenMs, await users.accounts.factorsOf(user.id));
    request.user = user;
  };
  scope.addHook("onError", (request, _reply, error) => logRefusal(request, users.config.basePath, error));
  const routes = [
    ...sessionRoutes(users),
    ...apiKeyRoutes(users),
    ...tokenRoutes(users),
    ...accountRoutes(users),
  ];
  mountRoutes(scope, routes, { authorize, tag: "Users" });
}
