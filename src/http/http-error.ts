/** A request that is answered with this status, a stable code, and a message for the client. */
export class HttpError extends Error {
  readonly statusCode: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    statusCode: number,
    code: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "HttpError";
    this.statusCode = statusCode;
    this.code = code;
    this.headers = headers;
  }
}

/** 400: the request does not say what it must say. */
export function badRequest(message: string): HttpError {
  return new HttpError(400, "bad_request", message);
}

/** Most bytes that the content of a request may have. */
export interface BodyLimit {
  /** How long the file may be, as it was configured. */
  readonly maxBytes: number;
  /** How long the form around the file may be. */
  readonly envelopeBytes: number;
  /** What sets the limit, as its operator reads it. */
  readonly setBy?: string | undefined;
}

/** 413: a declared or counted length over the limit. It tells the configured limit, not what it adds up to. */
export function contentTooLarge({ maxBytes, envelopeBytes, setBy }: BodyLimit): HttpError {
  const rest = envelopeBytes === 0 ? "" : ` (and ${envelopeBytes} bytes for the rest of the form)`;
  return new HttpError(
    413,
    "too_large",
    `content is larger than ${maxBytes} bytes${rest}${setBy === undefined ? "" : `; ${setBy}`}`,
  );
}

/** 401 with the scheme that would help (RFC 6750 §3). */
export function unauthorized(hasCredentials: boolean): HttpError {
  const challenge = hasCredentials ? 'Bearer error="invalid_token"' : "Bearer";
  const message = hasCredentials ? "the credentials are not valid" : "this needs credentials";
  return new HttpError(401, "unauthorized", message, { "www-authenticate": challenge });
}

/** 403: the request is not allowed, and other credentials of the same caller would not help. */
export function forbidden(message: string): HttpError {
  return new HttpError(403, "forbidden", message);
}
