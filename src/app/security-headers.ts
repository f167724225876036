import type { FastifyInstance } from "fastify";

/** Headers of every answer, as the OWASP Secure Headers Project recommends them for an API. */
export const securityHeaders = {
  "content-security-policy": "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "origin-agent-cluster": "?1",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=31536000; includeSubDomains",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "x-permitted-cross-domain-policies": "none",
};

/**
 * Headers that keep browsers from misreading answers: a Content-Security-Policy that allows nothing, `nosniff`, no framing,
 * HSTS. A route that answers pages sets a policy of its own, which beats this one.
 */
export function addSecurityHeaders(app: FastifyInstance): void {
  app.addHook("onRequest", (_request, reply, done) => {
    reply.headers(securityHeaders);
    done();
  });
}
