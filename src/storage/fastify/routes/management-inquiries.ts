import type { z } from "zod";
import { clientSignal, formatEntityTag, type Route, type RouteCall, route } from "../../../http/index.js";
import { Storage } from "../../storage.js";
import { toReadUrlOptions } from "../../url-options.js";
import { KeyPath } from "./key-path.js";
import type { RouteContext, StorageOfCaller } from "./route-context.js";
import { backendInfo, fileDetails, filePage, keyText, listQuery, signedUrl, signRequest } from "./schemas.js";

/** Routes that tell about objects without their bytes: list, metadata, sign, backend-info. */
export function inquiryRoutes(
  root: string,
  { storage, origin }: RouteContext,
  storageOf: StorageOfCaller,
): readonly Route[] {
  const path = new KeyPath(`${root}/metadata/`);
  return [
    route({
      method: "GET",
      path: "/list",
      permission: "list",
      summary: "One page of keys",
      query: listQuery,
      answers: { 200: filePage },
      handle: (call) => answerList(call, storageOf),
    }),
    route({
      method: "GET",
      path: "/metadata/*",
      permission: "metadata",
      summary: "What an object is, without its bytes",
      wildcard: keyText,
      answers: { 200: fileDetails },
      handle: (call) => answerMetadata(call, path, storageOf),
    }),
    route({
      method: "POST",
      path: "/sign",
      permission: "sign",
      summary: "A signed URL",
      body: signRequest,
      answers: { 200: signedUrl },
      handle: (call) => answerSigned(call, storageOf),
    }),
    route({
      method: "GET",
      path: "/backend-info",
      permission: "backend-info",
      summary: "Which backend holds the files, and why",
      answers: { 200: backendInfo },
      handle: ({ request }) => {
        const { name, type, capabilities } = storage.backend;
        const isTenant = !(storageOf(request) instanceof Storage);
        return { backend: name, type, ...(isTenant ? {} : origin), capabilities };
      },
    }),
  ];
}

async function answerList(
  { request, reply, query }: RouteCall<z.output<typeof listQuery>>,
  storageOf: StorageOfCaller,
): Promise<z.input<typeof filePage>> {
  const { details, ...asked } = query;
  const page = await storageOf(request).list({ ...asked, signal: clientSignal(reply) });
  const keys = page.items.map(({ key }) => key);
  const items = page.items.map((item) => ({ ...item, lastModified: item.lastModified.toISOString() }));
  return {
    keys,
    count: keys.length,
    cursor: page.cursor ?? null,
    ...(asked.delimiter === undefined ? {} : { prefixes: [...page.prefixes] }),
    ...(details ? { items } : {}),
  };
}

async function answerMetadata(
  { request, reply }: RouteCall,
  path: KeyPath,
  storageOf: StorageOfCaller,
): Promise<z.input<typeof fileDetails>> {
  const file = await storageOf(request).getMetadata(path.keyOf(request), { signal: clientSignal(reply) });
  const { key, size, contentType, etag, lastModified, metadata, filename, checksum } = file;
  const tag = formatEntityTag(etag);
  if (tag !== undefined) reply.header("etag", tag);
  const known = { key, size, contentType, etag, lastModified: lastModified.toISOString(), metadata };
  return {
    ...known,
    filename: filename ?? null,
    checksum: checksum ?? null,
    cacheControl: file.cacheControl ?? null,
    contentEncoding: file.contentEncoding ?? null,
    contentDisposition: file.contentDisposition ?? null,
    contentLanguage: file.contentLanguage ?? null,
  };
}

async function answerSigned(
  { request, body }: RouteCall<unknown, z.output<typeof signRequest>>,
  storageOf: StorageOfCaller,
): Promise<z.input<typeof signedUrl>> {
  const { key, ...options } = body;
  const { expiresAt, isPublic = false } = toReadUrlOptions(options);
  const url = await storageOf(request).getUrl(key, options);
  request.log.debug({ key, expiresAt, isPublic }, "URL made");
  return { url, expiresAt: isPublic ? null : expiresAt.toISOString() };
}
