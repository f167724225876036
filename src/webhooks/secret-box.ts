import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import type { Secret } from "../kernel/index.js";

const algorithm = "aes-256-gcm";

/**
 * Encrypts secrets at rest with AES-256-GCM (NIST SP 800-38D). The first key encrypts, all of them decrypt, so that a key
 * can be replaced. What is encrypted belongs to one owner and decrypts for no other.
 */
export class SecretBox {
  readonly #keys: ReadonlyMap<string, Buffer>;
  readonly #current: string;

  /** @param keys - at least one, of at least 32 characters each. */
  constructor(keys: readonly Secret[]) {
    const derived = keys.map((key) => createHash("sha256").update(key.reveal(), "utf8").digest());
    this.#keys = new Map(derived.map((key) => [idOf(key), key]));
    const [first] = this.#keys.keys();
    if (first === undefined) throw new TypeError("a secret box needs a key");
    this.#current = first;
  }

  /** @param owner - whose secret it is; the same is needed to decrypt. */
  seal(text: string, owner: string): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv(algorithm, this.#keyOf(this.#current), nonce).setAAD(Buffer.from(owner));
    const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    return [this.#current, nonce, sealed, cipher.getAuthTag()]
      .map((part) => (typeof part === "string" ? part : part.toString("base64url")))
      .join(".");
  }

  /** @throws Error when the key is gone, or the text was changed or belongs to another owner. */
  open(sealed: string, owner: string): string {
    const [id = "", ...parts] = sealed.split(".");
    const [nonce, content, tag] = parts.map((part) => Buffer.from(part, "base64url"));
    if (nonce === undefined || content === undefined || tag?.byteLength !== 16) {
      throw new Error("a sealed secret is malformed");
    }
    const decipher = createDecipheriv(algorithm, this.#keyOf(id), nonce, { authTagLength: 16 });
    decipher.setAAD(Buffer.from(owner)).setAuthTag(tag);
    return decipher.update(content, undefined, "utf8") + decipher.final("utf8");
  }

  #keyOf(id: string): Buffer {
    const key = this.#keys.get(id);
    if (key !== undefined) return key;
    throw new Error("a secret was sealed with a key that WEBHOOKS_ENCRYPT_KEY no longer names");
  }
}

/** Tells keys apart without telling anything of them. */
function idOf(key: Buffer): string {
  return createHash("sha256").update("svc-infra secret box").update(key).digest("base64url").slice(0, 8);
}
