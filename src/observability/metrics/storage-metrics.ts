import type { AttemptFacts, BodyErrorFacts, BodyFacts, OperationFacts } from "../../storage/index.js";
import type { Metrics } from "./metrics.js";
import { type EndedWork, watchNews, watchWork } from "./watch-work.js";

const seconds = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 30];
const bytes = [1024, 16_384, 262_144, 1_048_576, 10_485_760, 104_857_600, 1_073_741_824];

/** Calls, sizes, failures, retries and open bodies of every storage of the process. */
export function storageMetrics(metrics: Metrics): void {
  for (const stop of operations(metrics)) metrics.stopWith(stop);
  metrics.stopWith(retries(metrics));
  metrics.stopWith(openBodies(metrics));
  metrics.stopWith(leases(metrics));
}

function operations(metrics: Metrics): readonly (() => void)[] {
  const count = metrics.counter({
    name: "storage_operations_total",
    help: "Calls to the storage, by backend, operation and success or error.",
    labels: ["backend", "operation", "status"],
  });
  const labels = ["backend", "operation"];
  const duration = metrics.histogram(
    { name: "storage_operation_duration_seconds", help: "Time that a call took, with its retries.", labels },
    seconds,
  );
  const inFlight = metrics.gauge({
    name: "storage_operations_in_flight",
    help: "Calls that are running; `multipart` counts parts and completions of uploads.",
    labels,
  });
  const size = metrics.histogram(
    { name: "storage_file_size_bytes", help: "Size of the files that were stored.", labels: ["backend"] },
    bytes,
  );
  const errors = metrics.counter({
    name: "storage_errors_total",
    help: "Calls that failed, and bodies that failed while they were read, by the error's code.",
    labels: ["backend", "error_type"],
  });
  const known = new Set<string>();
  const stopCalls = watchWork<OperationFacts>("svc-infra:storage:operation", {
    began: ({ backend, operation }) => {
      inFlight.inc({ backend, operation });
      if (known.has(backend)) return;
      known.add(backend);
      // Prometheus sees the first damaged object of a process only if there was a 0 before.
      errors.inc({ backend, error_type: "corrupt" }, 0);
    },
    ended: (work) => {
      const { backend, operation } = work.facts;
      inFlight.dec({ backend, operation });
      count.inc({ backend, operation, status: work.error === undefined ? "success" : "error" });
      duration.observe({ backend, operation }, work.durationSeconds);
      if (work.error !== undefined) errors.inc({ backend, error_type: codeOf(work.error) });
      const stored = storedBytes(work);
      if (stored !== undefined) size.observe({ backend }, stored);
    },
  });
  const stopBodies = watchNews<BodyErrorFacts>("svc-infra:storage:body-error", ({ backend, error }) => {
    // A reader that leaves is no failure of the storage.
    if (error.code !== "aborted") errors.inc({ backend, error_type: error.code });
  });
  return [stopCalls, stopBodies];
}

function retries(metrics: Metrics): () => void {
  const count = metrics.counter({
    name: "storage_retries_total",
    help: "Attempts after the first, by the backend's verb.",
    labels: ["backend", "verb"],
  });
  return watchWork<AttemptFacts>("svc-infra:storage:attempt", {
    ended: ({ facts: { backend, verb, attempt } }) => {
      if (attempt > 1) count.inc({ backend, verb });
    },
  });
}

function openBodies(metrics: Metrics): () => void {
  const open = metrics.gauge({
    name: "storage_open_bodies",
    help: "Files that are being read and hold a connection or a descriptor.",
    labels: ["backend"],
  });
  return watchNews<BodyFacts>("svc-infra:storage:body", ({ backend, isOpen }) =>
    isOpen ? open.inc({ backend }) : open.dec({ backend }),
  );
}

/** Others complete what this process began, so the count is an estimate until the next sweep tells it. */
function leases(metrics: Metrics): () => void {
  const gauge = metrics.gauge({
    name: "storage_leases",
    help: "Unfinished direct uploads: of the last sweep by this process, and what it began and ended since.",
    labels: ["backend"],
  });
  const counts = new Map<string, number>();
  const set = (backend: string, count: number) => {
    counts.set(backend, Math.max(0, count));
    gauge.set({ backend }, Math.max(0, count));
  };
  return watchWork<OperationFacts>("svc-infra:storage:operation", {
    ended: ({ facts: { backend, operation }, error, result }) => {
      if (error !== undefined) return;
      const count = counts.get(backend) ?? 0;
      if (operation === "prepareUpload") set(backend, count + 1);
      if (operation === "completeUpload" || operation === "abortUpload") set(backend, count - 1);
      if (operation === "sweep") set(backend, Number(Object(result).alive));
    },
  });
}

const storing: ReadonlySet<string> = new Set(["put", "multipart", "completeUpload"]);

function codeOf(error: unknown): string {
  const { code }: { code?: unknown } = Object(error);
  return typeof code === "string" ? code : "unknown";
}

/** Bytes of the file that a call has stored; `undefined` for other calls, and for a part of an upload. */
function storedBytes({ facts, error, result }: EndedWork<OperationFacts>): number | undefined {
  if (error !== undefined || !storing.has(facts.operation)) return undefined;
  const { size, contentType }: { size?: unknown; contentType?: unknown } = Object(result);
  return typeof size === "number" && contentType !== undefined ? size : undefined;
}
