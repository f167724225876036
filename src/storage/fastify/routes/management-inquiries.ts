import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { badRequest, clientSignal, formatEntityTag, readParameters } from "../../../http/index.js";
import { expiry } from "../../arguments.js";
import { KeyPath } from "./key-path.js";
import type { RouteContext, StorageOfCaller } from "./route-context.js";

const maxSignBytes = 16 * 1024;

const signRequest = z.strictObject({
  key: z.string(),
  expiresIn: z.int().optional(),
  download: z.boolean().optional(),
  filename: z.string().optional(),
});

/** Routes that tell about objects without their bytes: list, metadata, sign, backend-info. */
export function addInquiryRoutes(
  scope: FastifyInstance,
  edge: RouteContext,
  storageOf: StorageOfCaller,
): void {
  scope.addHook("onSend", async (_request, reply) => {
    if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-store");
  });
  addListRoute(scope, storageOf);
  addMetadataRoute(scope, storageOf);
  addSignRoute(scope, storageOf);
  scope.get("/backend-info", { config: { storageRoute: "backend-info" } }, async () => {
    const { name, type, capabilities } = edge.storage.backend;
    const { because, missing } = edge.origin;
    return { backend: name, type, because, missing, capabilities };
  });
}

function addListRoute(scope: FastifyInstance, storageOf: StorageOfCaller): void {
  scope.get("/list", { config: { storageRoute: "list" } }, async (request, reply) => {
    const { prefix, limit, cursor } = readParameters(request, ["prefix", "limit", "cursor"]);
    const asked = { prefix, cursor, limit: parseLimit(limit), signal: clientSignal(reply) };
    const page = await storageOf(request).list(asked);
    const keys = page.items.map(({ key }) => key);
    return { keys, count: keys.length, cursor: page.cursor ?? null };
  });
}

function addMetadataRoute(scope: FastifyInstance, storageOf: StorageOfCaller): void {
  const path = new KeyPath(`${scope.prefix}/metadata/`);
  scope.get("/metadata/*", { config: { storageRoute: "metadata" } }, async (request, reply) => {
    const file = await storageOf(request).getMetadata(path.keyOf(request), { signal: clientSignal(reply) });
    const { key, size, contentType, etag, lastModified, metadata, filename, checksum } = file;
    const tag = formatEntityTag(etag);
    if (tag !== undefined) reply.header("etag", tag);
    const known = { key, size, contentType, etag, lastModified: lastModified.toISOString(), metadata };
    return { ...known, filename: filename ?? null, checksum: checksum ?? null };
  });
}

function addSignRoute(scope: FastifyInstance, storageOf: StorageOfCaller): void {
  scope.register(async (signing) => {
    signing.removeAllContentTypeParsers();
    const parse = signing.getDefaultJsonParser("error", "error");
    signing.addContentTypeParser("application/json", { parseAs: "string", bodyLimit: maxSignBytes }, parse);
    signing.post("/sign", { config: { storageRoute: "sign" } }, async (request) => {
      const { key, expiresIn, download, filename } = parseSignRequest(request.body);
      const expiresAt = expiry(expiresIn);
      const url = await storageOf(request).getUrl(key, { expiresIn, download, filename });
      request.log.debug({ key, expiresAt }, "URL signed");
      return { url, expiresAt: expiresAt.toISOString() };
    });
  });
}

function parseSignRequest(body: unknown): z.infer<typeof signRequest> {
  const parsed = signRequest.safeParse(body);
  if (parsed.success) return parsed.data;
  throw badRequest(
    "expected a JSON object with key (text), and optionally expiresIn (whole seconds), download (boolean), filename (text)",
  );
}

function parseLimit(raw: string | undefined): number | undefined {
  if (raw === undefined) return undefined;
  if (/^[0-9]{1,4}$/.test(raw)) return Number(raw);
  throw badRequest("limit must be a whole number from 1 to 1000");
}
