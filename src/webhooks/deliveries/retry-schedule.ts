const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** Milliseconds before the second attempt, the third, and so on: some three days in all (Standard Webhooks). */
export const retryScheduleMs: readonly number[] = [
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
];

/** The longest rest that an endpoint can ask for. */
export const longestRestMs = 24 * hour;

/**
 * Milliseconds until the next attempt, with 20 % of jitter (10 % on top of what the endpoint asked for), so that what failed
 * together does not come back together; `undefined` when the schedule has ended.
 *
 * @param tries - attempts so far.
 * @param retryAfterMs - what the endpoint asked for: never sooner than that, up to a day.
 * @param random - from 0 to 1.
 */
export function nextWaitMs(
  tries: number,
  retryAfterMs: number | undefined,
  random: number,
): number | undefined {
  const scheduled = retryScheduleMs[tries - 1];
  if (scheduled === undefined) return undefined;
  const jittered = scheduled * (0.9 + random * 0.2);
  const asked = Math.min(retryAfterMs ?? 0, longestRestMs) * (1 + random * 0.1);
  return Math.round(Math.max(jittered, asked));
}

/** Milliseconds of a `Retry-After` field (RFC 9110 §10.2.3): seconds or a date. */
export function retryAfterMs(field: string | undefined, now: number): number | undefined {
  if (field === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(field)) return Number(field) * second;
  const at = Date.parse(field);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
