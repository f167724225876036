import type { FastifyInstance, FastifyReply } from "fastify";
import { z } from "zod";
import { mountRoutes, problemHandler, type Route, type RouteCall, route } from "../http/index.js";

const report = z.looseObject({ status: z.enum(["ok", "degraded", "failed"]) });

/** A route that tells how something is: 200 when it can be used, 503 when it cannot. */
export function healthRoute(
  path: string,
  summary: string,
  run: () => Promise<{ readonly isUsable: boolean; readonly report: z.output<typeof report> }>,
): Route {
  return route({
    method: "GET",
    path,
    summary,
    answers: { 200: report, 503: report },
    handle: async ({ reply }: RouteCall): Promise<FastifyReply> => {
      const { isUsable, report: told } = await run();
      return reply
        .code(isUsable ? 200 : 503)
        .headers({ "cache-control": "no-store", "x-content-type-options": "nosniff" })
        .send(told);
    },
  });
}

/** Mounts routes of health in a scope of their own, so that nothing of the app around them changes. */
export async function mountHealthRoutes(app: FastifyInstance, routes: readonly Route[]): Promise<void> {
  await app.register(async (scope) => {
    scope.setErrorHandler(problemHandler(true));
    // A way to tell the tenant that fails must not fail the probes.
    scope.addHook("onRoute", (route) => {
      route.config = { ...route.config, hasNoTenant: true };
    });
    mountRoutes(scope, routes, { tag: "health" });
  });
}
