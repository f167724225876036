import { parseRetryAfter } from "../../../contract/retry-after.js";
import type { S3Response } from "./exchange.js";
import { textOf } from "./xml.js";

/** What is known of an answer that says no. */
export interface S3ErrorDetails {
  /** HTTP status. */
  readonly status: number;
  /** As S3 names it: `NoSuchKey`; empty where the answer has no body. */
  readonly code: string;
  readonly requestId?: string | undefined;
  /** Milliseconds, from `Retry-After` (RFC 9110 §10.2.3). */
  readonly retryAfterMs?: number | undefined;
  /** Where the bucket is, as the service says. */
  readonly region?: string | undefined;
}

/** An answer of the service that says no. Its message holds neither keys nor secrets. */
export class S3Error extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly region: string | undefined;

  constructor({ status, code, requestId, retryAfterMs, region }: S3ErrorDetails) {
    const request = requestId === undefined ? "" : ` (request ${requestId})`;
    super(`S3 answered ${status}${code === "" ? "" : ` ${code}`}${request}`);
    this.name = "S3Error";
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.retryAfterMs = retryAfterMs;
    this.region = region;
  }
}

/** The error that an answer is. */
export function errorOf({ status, headers, body }: S3Response): S3Error {
  const xml = body.toString("utf8");
  return new S3Error({
    status,
    code: wordOf(textOf(xml, "Code")) ?? "",
    requestId: wordOf(headers["x-amz-request-id"] ?? textOf(xml, "RequestId")),
    retryAfterMs: parseRetryAfter(headers["retry-after"]),
    region: wordOf(headers["x-amz-bucket-region"] ?? textOf(xml, "Region")),
  });
}

/** What the service calls a thing may show in logs, so it may hold nothing odd. */
function wordOf(text: string | undefined): string | undefined {
  return text !== undefined && /^[\w.:-]{1,100}$/.test(text) ? text : undefined;
}
