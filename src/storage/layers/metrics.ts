import type {
  Body,
  CallOptions,
  Capabilities,
  Layer,
  ObjectStat,
  OpenedObject,
  ReadOptions,
  StorageBackend,
  UploadedPart,
  WriteConditions,
  WriteOptions,
} from "../contract/backend.js";
import type { StorageErrorCode } from "../contract/error.js";
import { type Key, stagingRoot } from "../contract/key.js";
import { Opened, type PieceReader, readerOf } from "../contract/opened.js";
import { checkMethods } from "../contract/storage-options.js";
import { type BackendCall, LayerBackend, type Next, type Verb } from "./layer-backend.js";

/** One call that has ended. Every field but the duration is from a closed set and fit for a label; there is no key. */
export interface OperationEvent {
  /** Type of the backend: `local`. */
  readonly backend: string;
  readonly operation: Verb;
  readonly status: "success" | "error";
  /** With `error`. */
  readonly errorType: StorageErrorCode | undefined;
  /** Seconds from the call to its end; of a read, to the end of its body. */
  readonly durationSeconds: number;
}

/** Where measurements go. What it throws is dropped: measuring never fails a call. */
export interface MetricsSink {
  /**
   * Feeds `storage_operations_total{backend,operation,status}`,
   * `storage_operation_duration_seconds{backend,operation}` and `storage_errors_total{backend,error_type}`.
   */
  operation(event: OperationEvent): void;
  /** Feeds `storage_file_size_bytes{backend}`: the size of an object that was written, in bytes. */
  fileSize(event: { readonly backend: string; readonly bytes: number }): void;
}

/** Measures every call and tells the sink. */
export function metrics(sink: MetricsSink): Layer {
  checkMethods(
    sink,
    ["operation", "fileSize"],
    "metrics takes an object with the methods operation and fileSize",
  );
  return (inner) => new MeasuredBackend(inner, sink);
}

class MeasuredBackend<C extends Capabilities> extends LayerBackend<C> {
  readonly #sink: MetricsSink;

  constructor(inner: StorageBackend<C>, sink: MetricsSink) {
    super(inner);
    this.#sink = sink;
  }

  protected override async intercept<T>(call: BackendCall, next: Next<T>): Promise<T> {
    const end = this.#begin(call);
    try {
      const result = await next(call.signal);
      end(undefined);
      return result;
    } catch (error) {
      end({ error });
      throw error;
    }
  }

  override async read(key: Key, options: ReadOptions): Promise<OpenedObject> {
    const end = this.#begin({ verb: "read", signal: options.signal });
    try {
      const opened = await this.inner.read(key, options);
      if (opened.bytes === undefined) return watched(opened, end);
      end(undefined);
      return opened;
    } catch (error) {
      end({ error });
      throw error;
    }
  }

  override async write(key: Key, body: Body, options: WriteOptions): Promise<ObjectStat> {
    const stat = await super.write(key, body, options);
    // A lease is no file.
    return key.startsWith(stagingRoot) ? stat : this.#sized(stat);
  }

  override async completeUpload(
    key: Key,
    uploadId: string,
    parts: readonly UploadedPart[],
    options: CallOptions & WriteConditions,
  ): Promise<ObjectStat> {
    return this.#sized(await super.completeUpload(key, uploadId, parts, options));
  }

  #sized(stat: ObjectStat): ObjectStat {
    quietly(() => this.#sink.fileSize({ backend: this.type, bytes: stat.size }));
    return stat;
  }

  #begin({ verb, signal }: Pick<BackendCall, "verb" | "signal">): End {
    const startedAt = performance.now();
    let isOver = false;
    return (failure) => {
      if (isOver) return;
      isOver = true;
      const errorType = failure && this.failureOf(failure.error, signal).code;
      const status = failure === undefined ? "success" : "error";
      const durationSeconds = (performance.now() - startedAt) / 1000;
      quietly(() =>
        this.#sink.operation({ backend: this.type, operation: verb, status, errorType, durationSeconds }),
      );
    };
  }
}

/** Ends one measurement; only the first call counts. */
type End = (failure: { readonly error: unknown } | undefined) => void;

function watched(opened: OpenedObject, end: End): OpenedObject {
  return new Opened(opened.stat, opened, watchedReader(readerOf(opened), end));
}

function watchedReader(inner: PieceReader, end: End): PieceReader {
  return {
    async next() {
      try {
        const piece = await inner.next();
        if (piece === undefined) end(undefined);
        return piece;
      } catch (error) {
        end({ error });
        throw error;
      }
    },
    close() {
      end(undefined);
      return inner.close();
    },
  };
}

function quietly(report: () => void): void {
  try {
    report();
  } catch {}
}
