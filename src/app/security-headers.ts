import type { FastifyInstance } from "fastify";

/**
 * Headers that keep browsers from misreading answers: a Content-Security-Policy that allows nothing, `nosniff`, no framing,
 * HSTS. A route that answers pages sets a policy of its own, which beats this one.
 */
export async function addSecurityHeaders(app: FastifyInstance): Promise<void> {
  const { default: helmet } = await import("@fastify/helmet");
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    xFrameOptions: { action: "deny" },
  });
}
