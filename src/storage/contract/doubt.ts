import type { Failure } from "./backend.js";

/** Errors that say that nothing was done, of calls of which an earlier attempt may have been done. */
const doubtful = new WeakSet<object>();

/** The failed attempts of one call: that nothing was done is certain only when each of them says so. */
export class Doubt {
  #isThere = false;

  /** Notes the failure of the next attempt. */
  note(error: unknown, { applied }: Failure): void {
    if (applied !== false) this.#isThere = true;
    else if (this.#isThere && isObject(error)) doubtful.add(error);
  }
}

/** The failure that an error is, without a certainty that is of its last attempt alone. */
export function withDoubt(error: unknown, failure: Failure): Failure {
  if (failure.applied !== false || !isObject(error) || !doubtful.has(error)) return failure;
  const { applied: _, ...uncertain } = failure;
  return uncertain;
}

function isObject(error: unknown): error is object {
  return typeof error === "object" && error !== null;
}
