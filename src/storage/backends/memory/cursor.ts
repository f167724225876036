import { createHmac, randomBytes } from "node:crypto";
import { refusal } from "../../contract/service-error.js";

const macBytes = 12;

/**
 * Writes and reads cursors: the last entry of a page without its prefix, which a tenant must not learn, and a
 * mark that only this backend can make.
 */
export class PageCursor {
  readonly #secret = randomBytes(32);

  write(prefix: string, last: string): string {
    const rest = last.slice(prefix.length);
    return `${Buffer.from(rest).toString("base64url")}.${this.#mark(prefix, rest)}`;
  }

  /** The last entry of the page before. */
  read(prefix: string, cursor: string): string {
    const rest = Buffer.from(cursor.split(".", 1)[0] ?? "", "base64url").toString();
    const last = prefix + rest;
    if (cursor === this.write(prefix, last)) return last;
    throw refusal("invalid_argument", "the cursor was not made by this listing");
  }

  #mark(prefix: string, rest: string): string {
    const mac = createHmac("sha256", this.#secret).update(`${prefix}\n${rest}`).digest();
    return mac.subarray(0, macBytes).toString("base64url");
  }
}
