import { TimeoutError } from "../contract/error.js";
import type { Deadline } from "./deadline.js";

/**
 * Resolves as the work does, or rejects with the deadline's reason when that fires first; ends the deadline.
 *
 * @param isOver - `false` when the deadline goes on, because of a body that is still to be read.
 */
export function unlessFired<T>(
  deadline: Deadline,
  work: () => Promise<T>,
  isOver: (value: T) => boolean = always,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (reason: unknown) => {
      deadline.end();
      reject(reason);
    };
    if (deadline.signal.aborted) return fail(deadline.signal.reason);
    deadline.whenFired = fail;
    work().then((value) => {
      deadline.whenFired = undefined;
      if (isOver(value)) deadline.end();
      resolve(value);
    }, fail);
  });
}

function always(): boolean {
  return true;
}

/**
 * The outcome of a change under a deadline. When that fires the change has `graceMs` to tell how it ended: if it was done
 * nevertheless, that is the answer; if it failed, or tells nothing, it rejects with the reason of the deadline.
 */
export function waitForOutcome<T>(deadline: Deadline, work: () => Promise<T>, graceMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const { signal } = deadline;
    let timer: NodeJS.Timeout | undefined;
    const fail = (reason: unknown) => {
      clearTimeout(timer);
      deadline.end();
      reject(reason);
    };
    if (signal.aborted) return fail(signal.reason);
    deadline.whenFired = (reason) => {
      timer = setTimeout(() => fail(inDoubt(reason)), graceMs);
    };
    const done = (value: T) => {
      clearTimeout(timer);
      deadline.end();
      resolve(value);
    };
    work().then(done, (error: unknown) => fail(signal.aborted ? signal.reason : error));
  });
}

function inDoubt(reason: unknown): unknown {
  if (!(reason instanceof TimeoutError)) return reason;
  return new TimeoutError({ message: `${reason.message}; whether it was done is not known`, cause: reason });
}
