import { tracingChannel } from "node:diagnostics_channel";
import type { Span } from "@opentelemetry/api";
import type { JobRunFacts } from "../../jobs/index.js";
import type { QueryFacts } from "../../sql/index.js";
import type { AttemptFacts, OperationFacts } from "../../storage/index.js";
import type { SpanStart, Tracing } from "./tracing.js";

/**
 * A span for each call to a storage, each attempt of it at the backend, each query and each run of a job, below the
 * span in whose work it happens.
 *
 * @returns what ends that.
 */
export function workSpans(tracing: Tracing): () => void {
  const { INTERNAL, CLIENT, CONSUMER } = tracing.api.SpanKind;
  const stops = [
    spansOf<OperationFacts>(tracing, "svc-infra:storage:operation", ({ backend, operation, key }) => ({
      name: `storage ${operation}`,
      kind: INTERNAL,
      attributes: {
        "storage.backend": backend,
        "storage.operation": operation,
        ...(typeof key === "string" ? { "storage.key": key } : {}),
      },
    })),
    spansOf<AttemptFacts>(tracing, "svc-infra:storage:attempt", ({ backend, verb, attempt }) => ({
      name: `storage ${verb} attempt`,
      kind: CLIENT,
      attributes: { "storage.backend": backend, "storage.verb": verb, "storage.attempt": attempt },
    })),
    spansOf<QueryFacts>(tracing, "svc-infra:sql:query", ({ statement }) => ({
      name: /^\s*(\w+)/.exec(statement)?.[1]?.toUpperCase() ?? "query",
      kind: CLIENT,
      attributes: { "db.system.name": "postgresql", "db.query.text": statement },
    })),
    spansOf<JobRunFacts>(tracing, "svc-infra:jobs:run", ({ job, id, attempt, driver, traceparent }) => ({
      traceparent,
      name: `job ${job}`,
      kind: CONSUMER,
      attributes: { "job.name": job, "job.id": id, "job.attempt": attempt, "job.driver": driver },
    })),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** A span goes below the active one, or below the one that `traceparent` names. The span becomes the active one for all that the work does. */
function spansOf<Facts extends object>(
  tracing: Tracing,
  name: string,
  describe: (facts: Facts) => SpanStart,
): () => void {
  const work = tracingChannel<unknown, Facts>(name);
  const spans = new WeakMap<object, Span>();
  const end = (facts: unknown) => {
    const span = spans.get(Object(facts));
    if (span !== undefined) tracing.end(span, Object(facts).error);
  };
  work.start.bindStore(tracing.active, (facts) => {
    const { span, context } = tracing.begin(describe(facts as Facts));
    spans.set(facts as Facts, span);
    return context;
  });
  work.asyncEnd.subscribe(end);
  return () => {
    work.start.unbindStore(tracing.active);
    work.asyncEnd.unsubscribe(end);
  };
}
