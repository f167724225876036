import { setTimeout as sleep } from "node:timers/promises";
import type { Failure } from "../../contract/backend.js";
import { classifyError } from "../../contract/service-error.js";
import { addressVariables } from "./wire/answer-error.js";

const attempts = 4;
/** Milliseconds of the longest pause before the second attempt; doubled for each further one. */
const firstPauseMs = 100;
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
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      const failure = classifyError(error, addressVariables);
      const { retryAfterMs = 0 } = failure;
      const isLast = attempt === attempts || signal?.aborted === true || retryAfterMs > maxRetryAfterMs;
      if (isLast || !isTransient(failure) || !isRepeatable(failure)) throw error;
      const pauseMs = Math.max(retryAfterMs, Math.random() * firstPauseMs * 2 ** (attempt - 1));
      await sleep(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
      signal?.throwIfAborted();
    }
  }
}

function isTransient({ code }: Failure): boolean {
  return code === "unavailable" || code === "rate_limited" || code === "timeout";
}
