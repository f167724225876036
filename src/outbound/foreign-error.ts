/** HTTP status that each failure maps to when the URL came in a request. */
const statusOfCode = {
  url_refused: 400,
  address_refused: 400,
  unreachable: 502,
  bad_response: 502,
  too_many_redirects: 502,
  response_too_large: 413,
  timeout: 504,
  aborted: 499,
} as const;

/** Kinds of failure of a request to a foreign address. */
export type ForeignErrorCode = keyof typeof statusOfCode;

/**
 * A request to a foreign address that failed. The message may be shown to the user who chose the address: it names no
 * resolved address, and a closed port reads like a missing host.
 */
export class ForeignError extends Error {
  override readonly name = "ForeignError";
  readonly code: ForeignErrorCode;
  readonly statusCode: number;
  readonly expose = true;

  constructor(code: ForeignErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.statusCode = statusOfCode[code];
  }
}
