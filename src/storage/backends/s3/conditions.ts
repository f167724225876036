import type { CallOptions, WriteConditions } from "../../contract/backend.js";
import type { Key } from "../../contract/key.js";
import { anotherVersion, ServiceError } from "../../contract/service-error.js";
import type { S3Access } from "./access.js";
import { parseVersion } from "./headers/version.js";
import type { ProviderTraits } from "./providers.js";
import { lookAt, statObject } from "./stat.js";
import type { Headers } from "./wire/sigv4.js";

/** Whether the outcome depends on the object that is stored. */
export function isConditional({ ifAbsent, ifMatch }: WriteConditions): boolean {
  return ifAbsent || ifMatch !== undefined;
}

/**
 * Refuses a condition that does not hold already. The service decides with {@link conditionHeaders}, but it knows
 * only its own ETag, which two writes of the same bytes share; the id of the write is compared here.
 */
export async function checkVersion(
  access: S3Access,
  key: Key,
  { ifMatch, signal }: WriteConditions & CallOptions,
): Promise<void> {
  if (ifMatch === undefined) return;
  const { etag } = await statObject(access, key, { signal });
  if (etag !== ifMatch) throw anotherVersion();
}

/** The headers by which the service decides in one step with the write. */
export function conditionHeaders(
  { ifAbsent, ifMatch }: WriteConditions,
  traits: ProviderTraits,
  start = "if-",
): Headers {
  if (ifAbsent) return { [`${start}none-match`]: "*" };
  if (ifMatch === undefined) return {};
  const { etag } = parseVersion(ifMatch);
  return { [`${start}match`]: traits.quotesIfMatch ? `"${etag}"` : etag };
}

/**
 * Why a write under a condition failed. Ceph has no name for a race for a version that was lost, of which nothing
 * has been written: it answers `UnknownError`, as to other failures. If another write stands there now, it was a race,
 * unless that one replaced what this one wrote.
 */
export async function writeFailure(
  access: S3Access,
  key: Key,
  { ifMatch }: WriteConditions,
  writeId: string,
  error: unknown,
): Promise<unknown> {
  const isNameless = error instanceof ServiceError && error.reason === "UnknownError";
  if (ifMatch === undefined || !isNameless) return error;
  const etag = (await lookAt(access, key))?.etag;
  if (etag === undefined || etag === ifMatch || parseVersion(etag).writeId === writeId) return error;
  return perhapsAnotherVersion();
}

/** As {@link anotherVersion}, where it is not certain that nothing was written. */
export function perhapsAnotherVersion(): ServiceError {
  return new ServiceError("precondition_failed", "the object is not the version that was asked for");
}
