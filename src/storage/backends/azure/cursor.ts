import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import type { ListOptions } from "../../contract/backend.js";
import { refusal } from "../../contract/service-error.js";

const ivBytes = 12;
const tagBytes = 16;
const purpose = "svc-infra-azure-cursor-1";

type Listing = Pick<ListOptions, "prefix" | "delimiter">;

/**
 * Seals where a page ended (AES-256-GCM, NIST SP 800-38D). The service's own marker holds the name of a blob from its
 * start, which may be a tenant's prefix; and only what was made by this listing may be given back.
 */
export class CursorSeal {
  readonly #key: Buffer;

  /** @param secret - the same in all processes that list the container. */
  constructor(secret: string) {
    this.#key = Buffer.from(hkdfSync("sha256", secret, "", purpose, 32));
  }

  close(listing: Listing, marker: string): string {
    const iv = randomBytes(ivBytes);
    const cipher = createCipheriv("aes-256-gcm", this.#key, iv).setAAD(boundTo(listing));
    const sealed = Buffer.concat([cipher.update(marker, "utf8"), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString("base64url");
  }

  /** The marker; @throws ServiceError `invalid_argument` where this listing has not made the cursor. */
  open(listing: Listing, cursor: string): string {
    const bytes = Buffer.from(cursor, "base64url");
    if (bytes.byteLength <= ivBytes + tagBytes || bytes.toString("base64url") !== cursor) throw unknown();
    const sealed = bytes.subarray(ivBytes + tagBytes);
    const decipher = createDecipheriv("aes-256-gcm", this.#key, bytes.subarray(0, ivBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(boundTo(listing)).setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
    try {
      return Buffer.concat([decipher.update(sealed), decipher.final()]).toString("utf8");
    } catch {
      throw unknown();
    }
  }
}

/** A key cannot hold a line feed, so the text has one meaning. */
function boundTo({ prefix, delimiter }: Listing): Buffer {
  return Buffer.from(`${prefix}\n${delimiter ?? ""}`);
}

function unknown() {
  return refusal("invalid_argument", "the cursor was not made by this listing");
}
