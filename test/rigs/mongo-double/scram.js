// @ts-check
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { BSON } from "mongodb";
import { Refusal } from "./refusal.js";

/** @typedef {import("./wire.js").Doc} Doc */
/** @typedef {{ name: string, password: string }} User */

const iterations = 4096;

/** One sign-in by SCRAM-SHA-256 (RFC 7677). */
export class ScramConversation {
  #user;
  #salt = randomBytes(28);
  #nonce = "";
  #clientFirst = "";
  #serverFirst = "";

  /** @param {User} user */
  constructor(user) {
    this.#user = user;
  }

  /**
   * @param {Doc} command - saslStart.
   * @returns {Doc}
   */
  start({ mechanism, payload }) {
    if (mechanism !== "SCRAM-SHA-256")
      throw new Refusal(334, "MechanismUnavailable", `no mechanism ${mechanism}`);
    const [, name, nonce] = /^n,,n=([^,]*),r=([^,]+)$/.exec(textOf(payload)) ?? [];
    if (name !== this.#user.name) throw failed();
    this.#clientFirst = `n=${name},r=${nonce}`;
    this.#nonce = `${nonce}${randomBytes(18).toString("base64")}`;
    this.#serverFirst = `r=${this.#nonce},s=${this.#salt.toString("base64")},i=${iterations}`;
    return this.#answer(this.#serverFirst, false);
  }

  /**
   * @param {Doc} command - saslContinue.
   * @returns {Doc}
   */
  finish({ payload }) {
    const [, withoutProof = "", nonce, proof = ""] =
      /^(c=biws,r=([^,]+)),p=(.+)$/.exec(textOf(payload)) ?? [];
    const salted = pbkdf2Sync(this.#user.password, this.#salt, iterations, 32, "sha256");
    const signed = `${this.#clientFirst},${this.#serverFirst},${withoutProof}`;
    const storedKey = createHash("sha256").update(hmac(salted, "Client Key")).digest();
    const signature = hmac(storedKey, signed);
    const clientKey = Buffer.from(proof, "base64").map((byte, at) => byte ^ (signature[at] ?? 0));
    const isRight = createHash("sha256").update(clientKey).digest().equals(storedKey);
    if (nonce !== this.#nonce || !isRight) throw failed();
    return this.#answer(`v=${hmac(hmac(salted, "Server Key"), signed).toString("base64")}`, true);
  }

  /**
   * @param {string} text
   * @param {boolean} done
   */
  #answer(text, done) {
    return { ok: 1, conversationId: 1, done, payload: new BSON.Binary(Buffer.from(text)) };
  }
}

function failed() {
  return new Refusal(18, "AuthenticationFailed", "Authentication failed.");
}

/** @param {unknown} payload */
function textOf(payload) {
  return payload instanceof BSON.Binary ? Buffer.from(payload.buffer).toString() : "";
}

/**
 * @param {Buffer} key
 * @param {string} text
 */
function hmac(key, text) {
  return createHmac("sha256", key).update(text).digest();
}
