import { ServiceError } from "./service-error.js";

/** Sees that a service's listing goes on: an answer that comes again would be asked for without end. */
export class ListingProgress {
  readonly #tokens = new Set<string>();
  #firstName: string | undefined;

  /** @param token - where the first answer begins, if not at the start. */
  constructor(token?: string) {
    if (token !== undefined) this.#tokens.add(token);
  }

  /**
   * @param names - those of the answer, as the service has them.
   * @param token - where the service goes on; `undefined` behind the last answer.
   * @throws ServiceError `unavailable` when the answer begins like the one before, or leads to one that was there.
   */
  check([first]: readonly string[], token: string | undefined): void {
    const isRepeated = first !== undefined && first === this.#firstName;
    if (isRepeated || (token !== undefined && this.#tokens.has(token))) throw standing();
    this.#firstName = first;
    if (token !== undefined) this.#tokens.add(token);
  }
}

/** The error of a listing that would not end. */
export function standing(): ServiceError {
  return new ServiceError("unavailable", "the service's listing does not advance");
}
