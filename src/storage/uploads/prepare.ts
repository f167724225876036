import { toConditions } from "../capability.js";
import { checkDescription } from "../content/description.js";
import { smallerLimit, tooLarge } from "../content/size-check.js";
import type { DirectRequest, ObjectDescription } from "../contract/backend.js";
import { isChecksum } from "../contract/checksum.js";
import { InvalidArgumentError, UnsupportedOperationError } from "../contract/error.js";
import { inParallel, signedAtOnce } from "../contract/in-parallel.js";
import type { Key } from "../contract/key.js";
import type { PrepareOptions } from "../options.js";
import type { PolicyOptions } from "../policy/index.js";
import { expiry } from "../url-options.js";
import { keptPolicy } from "./kept-policy.js";
import { type Lease, writeLease } from "./lease.js";
import { contentKey, newUploadId } from "./staging.js";
import type { UploadPlace } from "./upload-place.js";

/** One part of an upload, which a client sends for itself. */
export interface PreparedPart extends DirectRequest {
  /** From 1. */
  readonly number: number;
  /** First byte of the content that belongs to it, and the one behind its last. */
  readonly start: number;
  readonly end: number;
}

/** What a client has to send, and where. */
export interface PreparedUpload extends Omit<DirectRequest, "url"> {
  /** What `completeUpload` takes. */
  readonly id: string;
  readonly key: string;
  /** `undefined` where the content goes in parts. */
  readonly url: string | undefined;
  /** In any order, and several at once; empty where the content goes as a whole. */
  readonly parts: readonly PreparedPart[];
  /** Until then the content may be sent. */
  readonly expiresAt: Date;
}

/** Content up to this many bytes goes as a whole. */
const wholeBytes = 32 * 1024 * 1024;
const partBytes = 16 * 1024 * 1024;
const maxParts = 10_000;
/** Most seconds that are left for the completion after the last byte may have been sent. */
const completionSeconds = 3600;

/**
 * Begins an upload that a client sends straight to the service. What can be refused before a byte is sent, is.
 *
 * @throws UnsupportedOperationError where the backend has no such requests.
 */
export async function prepareUpload(
  place: UploadPlace,
  key: Key,
  options: PrepareOptions,
): Promise<PreparedUpload> {
  const { backend } = place;
  if (backend.capabilities.direct === undefined) throw notDirect(backend.name);
  const { expiresIn = 3600, signal } = options;
  const expiresAt = expiry(expiresIn);
  const lease = await leaseOf(place, key, options);
  const id = newUploadId(new Date(expiresAt.getTime() + Math.min(expiresIn, completionSeconds) * 1000));
  const sending = { ...lease.description, size: lease.size, checksum: lease.checksum, expiresAt, signal };
  if (lease.size <= wholeBytes || backend.capabilities.direct === "whole") {
    await writeLease(backend, id, lease, { signal });
    const request = await backend.signUpload(contentKey(id), { ...sending, part: undefined });
    return { id, key, ...request, parts: [], expiresAt };
  }
  const uploadId = await backend.createUpload(contentKey(id), { ...lease.description, signal });
  const ranges = rangesOf(lease.size);
  await writeLease(backend, id, { ...lease, uploadId, parts: ranges.length }, { signal });
  const parts = await inParallel(ranges, signedAtOnce, async ({ number, start, end }) => {
    const part = { ...sending, size: end - start, checksum: undefined, part: { uploadId, number } };
    return { number, start, end, ...(await backend.signUpload(contentKey(id), part)) };
  });
  return { id, key, method: "PUT", url: undefined, headers: {}, fields: {}, parts, expiresAt };
}

async function leaseOf(
  place: UploadPlace,
  key: Key,
  options: PrepareOptions,
): Promise<Lease & { readonly size: number }> {
  const { size, checksum, policy } = options;
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new InvalidArgumentError({ message: "size must be a whole number of bytes" });
  }
  if (checksum !== undefined && !isChecksum(checksum)) {
    throw new InvalidArgumentError({
      message: "a checksum must be crc32: or sha256: followed by lower-case hex",
    });
  }
  const { contentType, ...described } = checkDescription(options);
  if (contentType === undefined) throw new InvalidArgumentError({ message: "contentType must be given" });
  const description: ObjectDescription = { ...described, contentType };
  await admit(place, key, { description, size, policy });
  const conditions = toConditions(place.backend, options);
  return { key, description, size, checksum, ...keptPolicy(place, key, policy), ...conditions };
}

/** Refuses an upload that no content could make valid. */
async function admit(
  place: UploadPlace,
  key: Key,
  lease: Pick<Lease, "description"> & Pick<PrepareOptions, "policy"> & { size: number },
): Promise<void> {
  const name = place.scope + key;
  const policy = place.policyOf(refuseFunctions(lease.policy) ?? []);
  const limit = smallerLimit(place.maxBytes, policy.maxBytesOf(name));
  if (lease.size > limit.maxBytes) throw tooLarge(limit);
  await policy.admit({ key: name, size: lease.size, ...lease.description });
}

/** Functions cannot be saved in a lease, and dropping a scanner would weaken the policy. */
function refuseFunctions(policy: PrepareOptions["policy"]): PrepareOptions["policy"] {
  const name = policy === undefined ? undefined : functionIn(policy);
  if (name === undefined) return policy;
  throw new InvalidArgumentError({
    message: `${name} cannot be kept until the upload is complete; give it to the storage or to completeUpload`,
  });
}

function functionIn({ scan, onInfected, under = {} }: PolicyOptions): string | undefined {
  if (scan !== undefined) return "a scanner";
  if (onInfected !== undefined) return "onInfected";
  return Object.values(under).map(functionIn).find(Boolean);
}

function rangesOf(size: number): readonly Pick<PreparedPart, "number" | "start" | "end">[] {
  const step = Math.max(partBytes, Math.ceil(size / maxParts));
  return Array.from({ length: Math.ceil(size / step) }, (_, index) => {
    return { number: index + 1, start: index * step, end: Math.min((index + 1) * step, size) };
  });
}

function notDirect(name: string): UnsupportedOperationError {
  return new UnsupportedOperationError({
    message: `${name} takes no direct uploads; send the content to this service, or let addStorage serve URLs with serveFiles`,
  });
}
