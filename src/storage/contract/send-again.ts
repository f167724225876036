import type { Failure } from "./backend.js";
import { Backoff } from "./backoff.js";
import { Doubt } from "./doubt.js";
import { classifyError } from "./service-error.js";

/** Milliseconds of the longest `Retry-After` that is waited for. */
const maxRetryAfterMs = 10_000;

/** How something is sent again. */
export interface SendAgainOptions {
  /** Ends the pauses; the requests must hear it themselves. */
  readonly signal: AbortSignal | undefined;
  /** The variables that say where the service is, for messages. */
  readonly addressVariables: string;
  /** Whether it may be sent again after this failure, beyond that the failure may pass; by default always. */
  readonly isRepeatable?: (failure: Failure, error: unknown) => boolean;
}

/**
 * Sends what is still in memory again when the service fails in a way that may pass: a part of a stream cannot be
 * read a second time by layers further out.
 */
export async function sendAgain<T>(
  send: () => Promise<T>,
  { signal, addressVariables, isRepeatable = () => true }: SendAgainOptions,
): Promise<T> {
  let backoff: Backoff | undefined;
  const doubt = new Doubt();
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      const failure = classifyError(error, addressVariables);
      doubt.note(error, failure);
      backoff ??= new Backoff({ maxRetryAfterMs });
      if (!isRepeatable(failure, error) || !(await backoff.pause(failure, attempt, signal))) throw error;
    }
  }
}
