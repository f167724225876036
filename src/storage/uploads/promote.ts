import { StreamBody } from "../content/body.js";
import type { Check, ContentClaim } from "../content/check.js";
import { otherSize } from "../content/size-check.js";
import { unlessAborted } from "../contract/abortable.js";
import type { ObjectDescription, ObjectStat, StorageBackend, WriteConditions } from "../contract/backend.js";
import { contentFieldNames } from "../contract/description.js";
import { type Key, parseKey } from "../contract/key.js";
import { checkStored } from "../policy/check-stored.js";
import type { Completion } from "./complete.js";
import { codeOf, type Lease } from "./lease.js";
import { contentKey } from "./staging.js";
import type { UploadPlace } from "./upload-place.js";

/** How often content that its sender replaces while it is checked is begun with again. */
const maxTurns = 5;

/** One staged object on its way to its key. */
interface Promotion {
  readonly backend: StorageBackend;
  readonly from: Key;
  readonly to: Key;
  readonly lease: Lease;
  readonly claim: ContentClaim;
  readonly maxBytes: number;
  readonly checks: () => readonly Check[];
  readonly conditions: WriteConditions;
  readonly signal: AbortSignal | undefined;
}

/**
 * Publishes what has been staged, if all of the policy allows it: the version that was checked and no other, since the
 * sender can write again. Where the service cannot hold on to a version, the bytes pass the checks on their way.
 */
export async function promote(
  place: UploadPlace,
  id: string,
  lease: Lease,
  options: Completion,
): Promise<ObjectStat> {
  const promotion = promotionOf(place, id, lease, options);
  if (place.backend.capabilities.loosensCopies) return writeChecked(promotion);
  for (let turn = 1; ; turn++) {
    const { etag, contentType, stat } = await check(promotion);
    const wanted = { ...lease.description, contentType };
    const description = isDescribed(stat, wanted) ? undefined : wanted;
    try {
      return await copyVersion(promotion, etag, description);
    } catch (error) {
      if (turn === maxTurns || !(await isReplaced(promotion, etag, error))) throw error;
    }
  }
}

function promotionOf(place: UploadPlace, id: string, lease: Lease, options: Completion): Promotion {
  const { backend, scope } = place;
  const name = scope + lease.key;
  const policy = place.policyOf([lease.policy ?? [], options.policy ?? []].flat());
  const { ifAbsent = false, ifMatch } = lease;
  return {
    backend,
    from: contentKey(id),
    to: parseKey(lease.key),
    lease,
    claim: { key: name, ...lease.description, size: lease.size },
    maxBytes: Math.min(place.maxBytes, policy.maxBytesOf(name)),
    checks: () => policy.checksOf(name),
    conditions: options.conditions ?? { ifAbsent, ifMatch },
    signal: options.signal,
  };
}

function check({ backend, from, lease, claim, maxBytes, checks, signal }: Promotion) {
  const { size, checksum } = lease;
  return checkStored(backend, { key: from, claim, size, checksum, maxBytes, checks: checks(), signal });
}

function copyVersion(
  { backend, from, to, conditions, signal }: Promotion,
  etag: string,
  description: ObjectDescription | undefined,
): Promise<ObjectStat> {
  return backend.copy(from, to, { ...conditions, sourceIfMatch: etag, description, signal });
}

async function isReplaced(
  { backend, from, signal }: Promotion,
  etag: string,
  error: unknown,
): Promise<boolean> {
  if (codeOf(backend, error) !== "precondition_failed") return false;
  return (await backend.stat(from, { signal })).etag !== etag;
}

async function writeChecked(promotion: Promotion): Promise<ObjectStat> {
  const { backend, from, to, lease, claim, maxBytes, checks, conditions, signal } = promotion;
  const opened = await backend.read(from, { range: undefined, ifMatch: undefined, signal });
  const { size = opened.stat.size, checksum, description } = lease;
  const body = new StreamBody(opened.body, { maxBytes, size, checksum });
  try {
    body.admit();
    if (opened.stat.size !== size) throw otherSize(opened.stat.size, size);
    const decided = await unlessAborted(() => body.begin(checks(), { ...claim, size }), signal);
    const contentType = decided ?? description.contentType;
    return await backend.write(to, body, { ...description, contentType, ...conditions, signal });
  } finally {
    await body.discard();
    await opened.close();
  }
}

function isDescribed(stat: ObjectStat, wanted: ObjectDescription): boolean {
  const pairs = Object.entries(wanted.metadata);
  return (
    stat.contentType === wanted.contentType &&
    stat.filename === wanted.filename &&
    contentFieldNames.every((name) => stat[name] === wanted[name]) &&
    pairs.length === Object.keys(stat.metadata).length &&
    pairs.every(([name, value]) => stat.metadata[name] === value)
  );
}
