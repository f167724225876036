import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { refusal } from "./service-error.js";

const ivBytes = 12;
const tagBytes = 16;

/**
 * Seals where a page ended (AES-256-GCM, NIST SP 800-38D), for services whose own marker holds a name from its start,
 * which may be a tenant's prefix. Only the listing that a cursor was made by can open it.
 */
export class CursorSeal {
  readonly #key: Buffer;

  /**
   * @param secret - the same in all processes that list the objects.
   * @param purpose - keeps the key apart from others that are made of the secret.
   */
  constructor(secret: string, purpose: string) {
    this.#key = Buffer.from(hkdfSync("sha256", secret, "", purpose, 32));
  }

  /** @param listing - what the cursor is good for. */
  close(listing: string, position: string): string {
    const iv = randomBytes(ivBytes);
    const cipher = createCipheriv("aes-256-gcm", this.#key, iv).setAAD(Buffer.from(listing));
    const sealed = Buffer.concat([cipher.update(position, "utf8"), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString("base64url");
  }

  /** The position; @throws ServiceError `invalid_argument` where this listing has not made the cursor. */
  open(listing: string, cursor: string): string {
    const bytes = Buffer.from(cursor, "base64url");
    if (bytes.byteLength <= ivBytes + tagBytes || bytes.toString("base64url") !== cursor) throw unknown();
    const sealed = bytes.subarray(ivBytes + tagBytes);
    const decipher = createDecipheriv("aes-256-gcm", this.#key, bytes.subarray(0, ivBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(Buffer.from(listing)).setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
    try {
      return Buffer.concat([decipher.update(sealed), decipher.final()]).toString("utf8");
    } catch {
      throw unknown();
    }
  }
}

function unknown() {
  return refusal("invalid_argument", "the cursor was not made by this listing");
}
