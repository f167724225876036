import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import { refusal } from "../../contract/service-error.js";
import { type ResourceType, resourceTypes } from "./public-id.js";

const nonceBytes = 12;
const tagBytes = 16;

/** Where a page ended. */
export interface Position {
  /** The last entry: a key, or a rolled-up start of keys. */
  readonly last: string;
  /** Where each type goes on: the service's cursor of the page to ask for again, `""` for the first, `undefined` at the end. */
  readonly pages: Readonly<Partial<Record<ResourceType, string>>>;
}

const positionShape = z.object({
  last: z.string(),
  pages: z.partialRecord(z.enum(resourceTypes), z.string()),
});

/**
 * Writes and reads cursors. They are encrypted (AES-256-GCM), so that callers neither see what lies above the prefix
 * nor make cursors themselves; any process with the same API secret reads them.
 */
export class Cursors {
  readonly #key: Buffer;

  constructor(apiSecret: string) {
    this.#key = createHash("sha256").update(`svc-infra-cursor-1\n${apiSecret}`).digest();
  }

  /** @param listing - what the cursor is good for. */
  write(listing: string, position: Position): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce).setAAD(Buffer.from(listing));
    const text = Buffer.concat([cipher.update(JSON.stringify(position)), cipher.final()]);
    return Buffer.concat([nonce, text, cipher.getAuthTag()]).toString("base64url");
  }

  /** @throws ServiceError for what this backend did not write for this listing. */
  read(listing: string, cursor: string): Position {
    try {
      return this.#decrypt(listing, cursor);
    } catch {
      throw refusal("invalid_argument", "the cursor was not made by this listing");
    }
  }

  #decrypt(listing: string, cursor: string): Position {
    const bytes = Buffer.from(cursor, "base64url");
    if (bytes.toString("base64url") !== cursor) throw new Error("another spelling");
    const decipher = createDecipheriv("aes-256-gcm", this.#key, bytes.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(Buffer.from(listing)).setAuthTag(bytes.subarray(-tagBytes));
    const text = Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]);
    return positionShape.parse(JSON.parse(text.toString("utf8")));
  }
}
