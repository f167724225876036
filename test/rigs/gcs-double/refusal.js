// @ts-check
/** What the service refuses, in the words of https://cloud.google.com/storage/docs/json_api/v1/status-codes. */
export class Refusal extends Error {
  status;
  reason;
  /** @type {Readonly<Record<string, string>>} */
  headers;

  /**
   * @param {number} status
   * @param {string} reason
   * @param {string} message
   * @param {Readonly<Record<string, string>>} [headers]
   */
  constructor(status, reason, message, headers = {}) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.headers = headers;
  }

  /** The body of an answer of the JSON API. */
  toJson() {
    const { status: code, reason, message } = this;
    const where = code === 412 ? { locationType: "header", location: "If-Match" } : {};
    return { error: { code, message, errors: [{ message, domain: "global", reason, ...where }] } };
  }

  /** The body of an answer of the XML API. */
  toXml() {
    return `<?xml version='1.0' encoding='UTF-8'?><Error><Code>${this.reason}</Code><Message>${this.message}</Message></Error>`;
  }
}

/** @param {string} message */
export function invalid(message) {
  return new Refusal(400, "invalid", message);
}

export function noBucket() {
  return new Refusal(404, "notFound", "The specified bucket does not exist.");
}

/** @param {string} bucket @param {string} name */
export function noObject(bucket, name) {
  return new Refusal(404, "notFound", `No such object: ${bucket}/${name}`);
}

export function conditionNotMet() {
  return new Refusal(
    412,
    "conditionNotMet",
    "At least one of the pre-conditions you specified did not hold.",
  );
}
