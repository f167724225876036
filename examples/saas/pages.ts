import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import fastifyStatic from "@fastify/static";
import type { ServiceApp } from "svc-infra";

const ownFolder = join(import.meta.dirname, "../pages");
const clientFolder = dirname(fileURLToPath(import.meta.resolve("svc-infra/storage/browser")));

/** The page at `/`. It runs its own scripts and no other, and talks to the service and to where files are kept. */
export async function addPages(app: ServiceApp): Promise<void> {
  await app.register(async (pages) => {
    pages.addHook("onRequest", async (_request, reply) => {
      const files = new URL(await app.storage.getUrl("any")).origin;
      reply.header("content-security-policy", policyFor(files));
    });
    await pages.register(fastifyStatic, { root: ownFolder, wildcard: false });
    const client = { root: clientFolder, prefix: "/browser/", decorateReply: false, wildcard: false };
    await pages.register(fastifyStatic, client);
  });
}

function policyFor(files: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src 'self' ${files}`,
    `connect-src 'self' ${files}`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join("; ");
}
