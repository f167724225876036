import { StreamBody } from "../content/body.js";
import type { Check, ContentClaim } from "../content/check.js";
import { otherSize, type SizeLimit } from "../content/size-check.js";
import { VerifiedReader } from "../content/verified-reader.js";
import { unlessAborted } from "../contract/abortable.js";
import type {
  CallOptions,
  ObjectDescription,
  ObjectStat,
  OpenedObject,
  StorageBackend,
  WriteConditions,
} from "../contract/backend.js";
import type { Checksum } from "../contract/checksum.js";
import { descriptionOf, isSameDescription } from "../contract/description.js";
import type { Key } from "../contract/key.js";
import { piecesOf } from "../contract/opened.js";

/** A copy of an object that nothing has checked yet. */
export interface CheckedCopy extends CallOptions {
  readonly from: Key;
  readonly to: Key;
  /** Only this version of the source; the one that is there now, unless it is given. */
  readonly sourceIfMatch?: string | undefined;
  /** What the copy shall be named in the whole storage. */
  readonly name: string;
  /** What is said of the content; what the source itself says, unless it is given. */
  readonly description?: ObjectDescription | undefined;
  /** Bytes that were announced, of content that its sender was let send straight to the service. */
  readonly size?: number | undefined;
  readonly checksum?: Checksum | undefined;
  readonly limit: SizeLimit;
  /** New checks, for each time that content is read. */
  readonly checks: () => readonly Check[];
  /** The conditions on the target. */
  readonly conditions: WriteConditions;
  /** Is told of the version of the source right before it is copied. */
  readonly onVersion?: ((etag: string) => Promise<void>) | undefined;
}

/** How often content that is replaced while it is checked is begun with again. */
const maxTurns = 5;

/**
 * Copies an object if its content passes all checks: the version that was checked and no other, though the source may be
 * written again at any time. Where the service cannot hold on to a version, the bytes pass the checks on their way.
 */
export async function copyChecked(backend: StorageBackend, copy: CheckedCopy): Promise<ObjectStat> {
  if (backend.capabilities.conditionalCopySource !== true) return copyThroughChecks(backend, copy);
  for (let turn = 1; ; turn++) {
    const { etag, description } = await check(backend, copy);
    await copy.onVersion?.(etag);
    try {
      return await copyVersion(backend, copy, etag, description);
    } catch (error) {
      const isFinal = turn === maxTurns || copy.sourceIfMatch !== undefined;
      if (isFinal || !(await isReplaced(backend, copy, etag, error))) throw error;
    }
  }
}

/** A version of the source that passed, and the description of its copy where that is not the one of the source. */
interface CheckedVersion {
  readonly etag: string;
  readonly description: ObjectDescription | undefined;
}

/** Reads the whole of the source only where a check needs that. */
function check(backend: StorageBackend, copy: CheckedCopy): Promise<CheckedVersion> {
  return opened(backend, copy, async (body, { stat }) => {
    const checks = copy.checks();
    const wanted = await begin(body, checks, copy, stat);
    if (body.expected !== undefined || checks.some(({ readsAll }) => readsAll)) await drain(body);
    // A client that sends straight to the service can write fields that a description does not tell.
    const isKept = copy.description === undefined && isSameDescription(stat, wanted);
    return { etag: stat.etag, description: isKept ? undefined : wanted };
  });
}

function copyThroughChecks(backend: StorageBackend, copy: CheckedCopy): Promise<ObjectStat> {
  const { to, conditions, signal } = copy;
  return opened(backend, copy, async (body, { stat }) => {
    const description = await begin(body, copy.checks(), copy, stat);
    await copy.onVersion?.(stat.etag);
    return backend.write(to, body, { ...description, ...conditions, signal });
  });
}

/** The content of the source as a body that has the announced size. */
async function opened<T>(
  backend: StorageBackend,
  { from, sourceIfMatch, limit, signal, ...copy }: CheckedCopy,
  work: (body: StreamBody, source: OpenedObject) => Promise<T>,
): Promise<T> {
  // Only the file route of this service has computed the checksum itself; else it is a claim of the sender.
  const isClaim = copy.size !== undefined && (await backend.signer()) === undefined;
  const source = await backend.read(from, { range: undefined, ifMatch: sourceIfMatch, signal });
  const { size = source.stat.size, checksum = isClaim ? source.stat.checksum : undefined } = copy;
  // The stored checksum is verified: a damaged source would get a new, valid one.
  const content = checksum === undefined ? piecesOf(new VerifiedReader(source)) : source.body;
  const body = new StreamBody(content, { ...limit, size, checksum });
  try {
    body.admit();
    if (source.stat.size !== size) throw otherSize(source.stat.size, size);
    return await work(body, source);
  } finally {
    await body.discard();
    await source.close();
  }
}

/** @returns the description of the copy: as it is claimed, with the type that the checks decided. */
async function begin(
  body: StreamBody,
  checks: readonly Check[],
  { name, description, size, signal }: CheckedCopy,
  stat: ObjectStat,
): Promise<ObjectDescription> {
  const claimed = descriptionOf(description ?? stat);
  const claim: ContentClaim = { ...claimed, key: name, size: size ?? stat.size };
  const decided = await unlessAborted(() => body.begin(checks, claim), signal);
  return { ...claimed, contentType: decided ?? claimed.contentType };
}

async function drain(body: StreamBody): Promise<void> {
  for await (const _piece of body.open());
}

function copyVersion(
  backend: StorageBackend,
  { from, to, conditions, signal }: CheckedCopy,
  sourceIfMatch: string,
  description: ObjectDescription | undefined,
): Promise<ObjectStat> {
  return backend.copy(from, to, { ...conditions, sourceIfMatch, description, signal });
}

async function isReplaced(
  backend: StorageBackend,
  { from, signal }: CheckedCopy,
  etag: string,
  error: unknown,
): Promise<boolean> {
  if (backend.classify(error).code !== "precondition_failed") return false;
  return (await backend.stat(from, { signal })).etag !== etag;
}
