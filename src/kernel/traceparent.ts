import { channel } from "node:diagnostics_channel";

/** What is published to be told of the trace of the work that asks. */
interface TraceQuestion {
  readonly tell: (traceparent: string) => void;
}

const questions = channel("svc-infra:traceparent");

/**
 * Answers `svc-infra:traceparent` with the span that is active, until what it returns is called.
 *
 * @param read - `undefined` when there is no span.
 */
export function answerTraceparent(read: () => string | undefined): () => void {
  const answer = (question: unknown) => {
    const traceparent = read();
    if (traceparent !== undefined) (question as TraceQuestion).tell(traceparent);
  };
  questions.subscribe(answer);
  return () => void questions.unsubscribe(answer);
}

/** The span in whose work this is called, as a `traceparent` header names it (W3C Trace Context); `undefined` without one. */
export function activeTraceparent(): string | undefined {
  if (!questions.hasSubscribers) return undefined;
  let found: string | undefined;
  const tell = (traceparent: string) => {
    found = traceparent;
  };
  questions.publish({ tell } satisfies TraceQuestion);
  return found;
}
