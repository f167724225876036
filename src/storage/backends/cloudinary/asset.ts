import { randomBytes } from "node:crypto";
import { z } from "zod";
import { isContentType, unknownContentType } from "../../content/content-type.js";
import type { ContentFields, ObjectDescription, ObjectStat } from "../../contract/backend.js";
import { type Checksum, isChecksum } from "../../contract/checksum.js";
import { contentFieldNames, storedContentFields } from "../../contract/description.js";
import type { Key } from "../../contract/key.js";
import { type Metadata, storedFilename, storedMetadata } from "../../contract/metadata.js";
import { ServiceError } from "../../contract/service-error.js";
import { type Context, decodeValue, encodeValue } from "./context.js";

/** Names of what we keep ourselves; a user's names have no dot. */
const own = {
  type: "svc.type",
  filename: "svc.name",
  writeId: "svc.id",
  checksum: "svc.crc32",
  size: "svc.size",
  key: "svc.key",
};

/** Where the fields of the content are kept, which Cloudinary has no headers for. */
const ownFields: { readonly [Name in keyof ContentFields]-?: string } = {
  cacheControl: "svc.cache",
  contentEncoding: "svc.encoding",
  contentDisposition: "svc.disposition",
  contentLanguage: "svc.language",
};

const assetShape = z.object({
  public_id: z.string(),
  version: z.number(),
  bytes: z.number(),
  etag: z.string().optional(),
  format: z.string().optional(),
  context: z.object({ custom: z.record(z.string(), z.string()) }).optional(),
});

/** An asset, as the service describes it. */
export interface Asset {
  readonly publicId: string;
  /** Seconds since the epoch at which it was uploaded. */
  readonly version: number;
  readonly bytes: number;
  /** The same for the same content, and not named in listings. */
  readonly contentTag: string | undefined;
  readonly format: string | undefined;
  readonly context: Context;
}

/** @throws ServiceError for what is no asset. */
export function parseAsset(json: unknown): Asset {
  const parsed = assetShape.safeParse(json);
  if (!parsed.success) throw new ServiceError("unavailable", "Cloudinary's answer is no asset");
  const { public_id, version, bytes, etag, format, context } = parsed.data;
  return { publicId: public_id, version, bytes, contentTag: etag, format, context: context?.custom ?? {} };
}

/** What a new asset is to remember. */
export interface NewAsset extends ObjectDescription {
  /** The key, where the address does not hold it. */
  readonly longKey: Key | undefined;
  readonly checksum: Checksum | undefined;
  readonly isEmpty: boolean;
}

/** All of it as contextual metadata, with the mark that makes this write another one than any before. */
export function contextOf(asset: NewAsset): Context {
  const { contentType, filename, metadata, longKey, checksum, isEmpty } = asset;
  const users = Object.entries(metadata).map(([name, value]) => [name, encodeValue(value)]);
  return {
    ...Object.fromEntries(users),
    [own.type]: encodeValue(contentType),
    ...(filename === undefined ? {} : { [own.filename]: encodeValue(filename) }),
    ...(checksum === undefined ? {} : { [own.checksum]: checksum.slice("crc32:".length) }),
    ...(isEmpty ? { [own.size]: "0" } : {}),
    ...keptKey(longKey),
    ...keptFields(asset),
    [own.writeId]: newWriteId(),
  };
}

/** The key that was kept beside an asset whose address does not hold it. */
export function keptKeyOf({ context }: Pick<Asset, "context">): string | undefined {
  return context[own.key];
}

/** Bytes of the object: Cloudinary keeps no empty file, so that one stands for it. */
export function sizeOf({ bytes, context }: Pick<Asset, "bytes" | "context">): number {
  return context[own.size] === "0" ? 0 : bytes;
}

export function writtenAt({ version }: Pick<Asset, "version">): Date {
  return new Date(version * 1000);
}

/** What an asset is to a storage, also one that another tool made. */
export function statOf(key: Key, asset: Asset): ObjectStat {
  const { context } = asset;
  const filename = context[own.filename];
  return {
    key,
    size: sizeOf(asset),
    contentType: contentTypeOf(asset),
    etag: etagOf(asset),
    lastModified: writtenAt(asset),
    filename: storedFilename(filename === undefined ? undefined : decodeValue(filename)),
    metadata: usersPairs(context),
    checksum: checksumOf(context[own.checksum]),
    ...storedContentFields((_header, name) => decodeValue(context[ownFields[name]] ?? "")),
  };
}

function keptFields(fields: ContentFields): Context {
  const kept: Record<string, string> = {};
  for (const name of contentFieldNames) {
    const value = fields[name];
    if (value !== undefined) kept[ownFields[name]] = encodeValue(value);
  }
  return kept;
}

function contentTypeOf({ context, format }: Asset): string {
  const kept = decodeValue(context[own.type] ?? "");
  if (isContentType(kept)) return kept;
  return typeOfFormat.get(format ?? "") ?? unknownContentType;
}

const typeOfFormat: ReadonlyMap<string, string> = new Map([
  ...["avif", "gif", "png", "webp"].map((format) => [format, `image/${format}`] as const),
  ["jpg", "image/jpeg"],
  ["mov", "video/quicktime"],
  ...["mp4", "webm"].map((format) => [format, `video/${format}`] as const),
]);

function etagOf({ version, context, contentTag = "" }: Asset): string {
  return `${version}-${(context[own.writeId] ?? contentTag).replace(/[^\w-]/g, "")}`;
}

function usersPairs(context: Context): Metadata {
  return storedMetadata(Object.entries(context).map(([name, value]) => [name, decodeValue(value)]));
}

function checksumOf(kept: string | undefined): Checksum | undefined {
  const checksum = `crc32:${kept}`;
  return isChecksum(checksum) ? checksum : undefined;
}

function keptKey(longKey: Key | undefined): Context {
  return longKey === undefined ? {} : { [own.key]: longKey };
}

function newWriteId(): string {
  return randomBytes(9).toString("base64url");
}
