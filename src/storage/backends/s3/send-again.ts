import type { Failure } from "../../contract/backend.js";
import { Backoff } from "../../contract/backoff.js";
import { classifyError } from "../../contract/service-error.js";
import { addressVariables } from "./wire/answer-error.js";

/** Milliseconds of the longest `Retry-After` that is waited for. */
const maxRetryAfterMs = 10_000;

/**
 * Sends what is still in memory again when the service fails in a way that may pass: a part of a stream cannot be
 * read a second time by layers further out.
 *
 * @param isRepeatable - whether it may be sent again after this failure, beyond that the failure may pass.
 */
export async function sendAgain<T>(
  send: () => Promise<T>,
  signal: AbortSignal | undefined,
  isRepeatable: (failure: Failure) => boolean = () => true,
): Promise<T> {
  let backoff: Backoff | undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      const failure = classifyError(error, addressVariables);
      backoff ??= new Backoff({ maxRetryAfterMs });
      if (!isRepeatable(failure) || !(await backoff.pause(failure, attempt, signal))) throw error;
    }
  }
}
