// @ts-check

/** What the double answers instead of doing what was asked. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {string} message - as the service writes it.
   * @param {Readonly<Record<string, string>>} [headers]
   */
  constructor(status, message, headers = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** The service answers a call of the Admin API that nobody may make with a page for people. */
export class HtmlRefusal extends Refusal {}

/** @param {string} publicId */
export function noResource(publicId) {
  return new Refusal(404, `Resource not found - ${publicId}`);
}
