import type {
  Body,
  Bytes,
  CallOptions,
  Capabilities,
  Failure,
  Layer,
  ObjectStat,
  OpenedObject,
  ReadOptions,
  StorageBackend,
  UploadedPart,
  WriteOptions,
} from "../contract/backend.js";
import { changedBody } from "../contract/changed-body.js";
import type { StorageErrorCode } from "../contract/error.js";
import type { Key } from "../contract/key.js";
import { Opened, readerOf } from "../contract/opened.js";
import { type ChaosOptions, type FaultKind, FaultPlan } from "./fault-plan.js";
import { type BackendCall, LayerBackend, type Next, type Verb } from "./layer-backend.js";

/**
 * Breaks calls on purpose, to test the code around a backend. The same seed gives the same faults.
 *
 * Content that is written breaks only where it could be sent again; the rest of the source is then not read.
 */
export function chaos(options: ChaosOptions = {}): Layer {
  const plan = new FaultPlan(options);
  return (inner) => new ChaoticBackend(inner, plan, options.code ?? "unavailable");
}

/** The failure that {@link chaos} makes. */
class ChaosError extends Error {
  readonly kind: FaultKind;

  constructor(kind: FaultKind, verb: Verb) {
    super(`chaos: a fault ${kind === "body" ? "in the body of" : kind} ${verb}`);
    this.name = "ChaosError";
    this.kind = kind;
  }
}

class ChaoticBackend<C extends Capabilities> extends LayerBackend<C> {
  readonly #plan: FaultPlan;
  readonly #code: StorageErrorCode;

  constructor(inner: StorageBackend<C>, plan: FaultPlan, code: StorageErrorCode) {
    super(inner);
    this.#plan = plan;
    this.#code = code;
  }

  override classify(error: unknown): Failure {
    if (!(error instanceof ChaosError)) return super.classify(error);
    const failure = { code: this.#code, message: error.message };
    return error.kind === "after" ? failure : { ...failure, applied: false };
  }

  protected override async intercept<T>({ verb, signal }: BackendCall, next: Next<T>): Promise<T> {
    const fault = this.#plan.next(verb, ["before", "after"]);
    if (fault === "before") throw new ChaosError(fault, verb);
    const result = await next(signal);
    if (fault === "after") throw new ChaosError(fault, verb);
    return result;
  }

  override write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    return this.#send("write", body, (given) => this.inner.write(key, given, options));
  }

  override writePart(
    key: Key,
    uploadId: string,
    number: number,
    body: Body,
    options: CallOptions,
  ): Promise<UploadedPart> {
    return this.#send("writePart", body, (given) =>
      this.inner.writePart(key, uploadId, number, given, options),
    );
  }

  override async read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    const fault = this.#plan.next("read", ["before", "after", "body"]);
    if (fault === "before") throw new ChaosError(fault, "read");
    const opened = await this.inner.read(key, options);
    if (fault === undefined) return opened;
    if (fault === "body") return broken(opened);
    await opened.close();
    throw new ChaosError(fault, "read");
  }

  async #send<T>(verb: Verb, body: Body, next: (body: Body) => Promise<T>): Promise<T> {
    const fault = this.#plan.next(verb, kindsOf(body));
    if (fault === "before") throw new ChaosError(fault, verb);
    const result = await next(fault === "body" ? breaking(body, verb) : body);
    if (fault === "after") throw new ChaosError(fault, verb);
    return result;
  }
}

/**
 * Only content that can be sent again gets a fault after its first byte: of other content no caller could tell whether it
 * was stored. Empty content has no middle.
 */
function kindsOf(body: Body): readonly FaultKind[] {
  return body.replayable && body.size !== 0 ? ["before", "after", "body"] : ["before"];
}

function breaking(body: Body, verb: Verb): Body {
  return changedBody(body, { bytes: undefined, open: () => firstHalf(body.open(), body.size, verb) });
}

function broken(opened: OpenedObject): OpenedObject {
  const reader = readerOf(opened);
  let left = Math.floor((opened.end - opened.start) / 2);
  const next = async () => {
    const piece = left === 0 ? undefined : (await reader.next())?.subarray(0, left);
    if (piece === undefined) throw new ChaosError("body", "read");
    left -= piece.byteLength;
    return piece;
  };
  return new Opened(opened.stat, opened, { next, close: () => reader.close() });
}

async function* firstHalf(pieces: Bytes, size: number | undefined, verb: Verb): Bytes {
  let left = Math.floor((size ?? 0) / 2);
  for await (const piece of pieces) {
    const kept = piece.subarray(0, left);
    left -= kept.byteLength;
    if (kept.byteLength > 0) yield kept;
    if (left === 0) break;
  }
  throw new ChaosError("body", verb);
}
