import { createHash } from "node:crypto";
import { StorageConfigurationError } from "../../../contract/error.js";
import type { Headers } from "../wire/sigv4.js";

/** How the service encrypts what it keeps. */
export type S3Encryption =
  /** With keys of the service (SSE-S3). */
  | { readonly type: "sse-s3" }
  /** With a key of AWS KMS; the account's own without `keyId`. */
  | { readonly type: "sse-kms"; readonly keyId?: string | undefined }
  /** With a key that goes along with every request and that the service forgets: 32 bytes. */
  | { readonly type: "sse-c"; readonly key: Uint8Array };

/** The headers that say how an object is encrypted. */
export interface EncryptionHeaders {
  /** To make an object. */
  readonly create: Headers;
  /** To read one, and to write its parts. */
  readonly access: Headers;
  /** To copy from one. */
  readonly copySource: Headers;
}

const none: EncryptionHeaders = { create: {}, access: {}, copySource: {} };

/** @throws StorageConfigurationError when the key is not 32 bytes. */
export function encryptionHeaders(encryption: S3Encryption | undefined): EncryptionHeaders {
  if (encryption === undefined) return none;
  if (encryption.type === "sse-c") return customerHeaders(encryption.key);
  const name = "x-amz-server-side-encryption";
  if (encryption.type === "sse-s3") return { ...none, create: { [name]: "AES256" } };
  const { keyId } = encryption;
  const id = keyId === undefined ? {} : { [`${name}-aws-kms-key-id`]: keyId };
  return { ...none, create: { [name]: "aws:kms", ...id } };
}

function customerHeaders(key: Uint8Array): EncryptionHeaders {
  if (key.byteLength !== 32) {
    throw new StorageConfigurationError({ message: "the key of SSE-C must have 32 bytes" });
  }
  const bytes = Buffer.from(key);
  const fields = {
    algorithm: "AES256",
    key: bytes.toString("base64"),
    "key-md5": createHash("md5").update(bytes).digest("base64"),
  };
  const access = named("x-amz-server-side-encryption-customer-", fields);
  const copySource = named("x-amz-copy-source-server-side-encryption-customer-", fields);
  return { create: access, access, copySource };
}

function named(start: string, fields: Headers): Headers {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [start + name, value]));
}
