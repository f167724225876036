import { Cron } from "croner";
import { JobError } from "./job-error.js";

/**
 * The next instant that a cron pattern names. On the day that a clock goes forward, a time that it skips moves to the
 * first instant after the gap; on the day that it goes back, a time of day comes once.
 *
 * @param pattern - five fields, or six with seconds first.
 * @param timeZone - an IANA name, as in `Europe/Berlin`.
 * @param after - the instant after which it must be.
 * @throws JobError for a pattern or zone that is none, or that never comes.
 */
export function nextRun(pattern: string, timeZone: string, after: Date): Date {
  try {
    const next = new Cron(pattern, { timezone: timeZone, paused: true }).nextRun(after);
    if (next !== null) return next;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new JobError("job_options_invalid", `cron '${pattern}' in '${timeZone}': ${reason}`, { cause });
  }
  throw new JobError("job_options_invalid", `cron '${pattern}' in '${timeZone}' never comes`);
}
