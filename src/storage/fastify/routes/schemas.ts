import { z } from "zod";

/** Schemas of what the storage's routes take and answer: checked where it comes in, told to OpenAPI everywhere. */

export const keyText = z.string().meta({ description: "The key, with plain slashes" });

const limit = z
  .string()
  .regex(/^[0-9]{1,4}$/, "must be a whole number from 1 to 1000")
  .meta({ description: "1 to 1000; 100 by default" })
  .transform(Number);

export const listQuery = z.object({
  prefix: z.string().optional(),
  limit: limit.optional(),
  cursor: z.string().optional().meta({ description: "Of the page before" }),
  delimiter: z.literal("/", "can only be '/'").optional().meta({
    description: "Rolls up what lies deeper into `prefixes`",
  }),
  details: z
    .enum(["true", "false"], "must be true or false")
    .optional()
    .meta({ description: "Tells size and date of each object in `items`" })
    .transform((word) => word === "true"),
});

const date = z.string().meta({ format: "date-time" });

export const filePage = z.object({
  keys: z.array(z.string()),
  count: z.int(),
  cursor: z.string().nullable(),
  prefixes: z.array(z.string()).optional(),
  items: z.array(z.object({ key: z.string(), size: z.int(), lastModified: date })).optional(),
});

const described = { key: z.string(), size: z.int(), contentType: z.string(), etag: z.string() };

export const fileDetails = z.object({
  ...described,
  lastModified: date,
  metadata: z.record(z.string(), z.string()),
  filename: z.string().nullable(),
  checksum: z.string().nullable(),
  cacheControl: z.string().nullable(),
  contentEncoding: z.string().nullable(),
  contentDisposition: z.string().nullable(),
  contentLanguage: z.string().nullable(),
});

export const storedFile = z.object({
  ...described,
  url: z.string().nullable(),
  checksum: z.string().nullable(),
});

export const uploadQuery = z.object({ key: z.string().optional(), filename: z.string().optional() });

export const fileQuery = z.object({ filename: z.string().optional() });

const file = z.string().meta({ format: "binary" });

/** A form with a file; fields `meta.*` are the user's own pairs. */
export const uploadForm = {
  types: ["multipart/form-data"],
  schema: z.looseObject({ key: z.string().optional(), file }),
};

/** The bare bytes of a file. */
export const anyBytes = { types: ["*/*"], schema: file };

export const signRequest = z.strictObject({
  key: z.string(),
  expiresIn: z.int().optional().meta({ description: "Seconds, 3600 by default" }),
  stableFor: z.int().optional().meta({ description: "Seconds in which the same request gives the same URL" }),
  download: z.boolean().optional(),
  filename: z.string().optional(),
  cacheControl: z.string().optional().meta({ description: "`Cache-Control` that the URL is answered with" }),
  public: z.boolean().optional().meta({ description: "The permanent URL of a public file" }),
});

export const signedUrl = z.object({
  url: z.string(),
  expiresAt: date.nullable().meta({ description: "null for a permanent URL" }),
});

export const backendInfo = z.object({
  backend: z.string(),
  type: z.string(),
  /** Settings are for those who run the service: a tenant sees none. */
  reason: z.string().optional(),
  missing: z.array(z.string()).readonly().optional(),
  capabilities: z.looseObject({}),
});

/** 204: there is nothing to tell. */
export const nothing = z.null();

const uploadRequest = z.object({
  method: z.enum(["PUT", "POST"]),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  fields: z.record(z.string(), z.string()),
});

export const prepareRequest = z.strictObject({
  key: z.string().optional().meta({ description: "Default: the safe form of `filename`" }),
  size: z.int().min(0).meta({ description: "Bytes of the content" }),
  contentType: z.string().optional().meta({ description: "Default: what the name tells" }),
  checksum: z.string().optional().meta({ description: "`sha256:` and hex" }),
  filename: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  expiresIn: z.int().optional().meta({ description: "Seconds in which to send it, 3600 by default" }),
});

export const preparedUpload = z.object({
  ...uploadRequest.shape,
  url: z.string().nullable().meta({ description: "null where the content goes in parts" }),
  id: z.string(),
  key: z.string(),
  parts: z.array(z.object({ ...uploadRequest.shape, number: z.int(), start: z.int(), end: z.int() })),
  expiresAt: date,
});
