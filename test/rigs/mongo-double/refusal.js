// @ts-check

/** What a server answers instead of doing a command. */
export class Refusal extends Error {
  /**
   * @param {number} code - as in MongoDB's list of error codes.
   * @param {string} codeName
   * @param {string} message
   */
  constructor(code, codeName, message) {
    super(message);
    this.answer = { ok: 0, errmsg: message, code, codeName };
  }
}
