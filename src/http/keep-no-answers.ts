import type { FastifyInstance } from "fastify";

/** For a scope whose answers hold secrets: keys of idempotency are ignored, so that no store holds them in clear. */
export function keepNoAnswers(scope: FastifyInstance): void {
  scope.addHook("onRoute", (route) => {
    route.config = Object.assign({}, route.config, { idempotency: false });
  });
}
