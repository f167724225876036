import type { Backoff } from "../define-job.js";

/** Milliseconds to wait after so many failed attempts; up to `jitter` of it is left out by chance. */
export function backoffMs({ type, delayMs, jitter }: Required<Backoff>, failedAttempts: number): number {
  const longest = type === "fixed" ? delayMs : delayMs * 2 ** (failedAttempts - 1);
  return Math.floor(longest * (1 - jitter * Math.random()));
}
