import { type ForeignClient, ForeignError } from "../../outbound/index.js";
import { signStandard } from "../signature/standard.js";

/** A message as it is sent to one endpoint. */
export interface EndpointMessage {
  readonly id: string;
  readonly url: string;
  readonly body: string;
  readonly secrets: readonly string[];
  /** Ends it before an answer. */
  readonly signal?: AbortSignal;
}

/** How an endpoint answered. */
export interface EndpointAnswer {
  /** HTTP status; `undefined` when no answer came. */
  readonly status: number | undefined;
  /** The first KiB of the answer, or why there was none. */
  readonly detail: string;
  readonly milliseconds: number;
  readonly retryAfter: string | undefined;
  /** Whether the URL may not be dialled, so that no other attempt can succeed. */
  readonly isRefused: boolean;
}

const detailBytes = 1024;

/**
 * Sends one signed message (Standard Webhooks). Throws nothing of a request, unless its `signal` ended that: what went wrong
 * is the answer.
 */
export async function postSigned(client: ForeignClient, message: EndpointMessage): Promise<EndpointAnswer> {
  const { id, url, body, secrets, signal } = message;
  const startedAt = performance.now();
  const elapsed = () => Math.round(performance.now() - startedAt);
  try {
    const response = await client.request(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "user-agent": "svc-infra-webhooks",
        ...signStandard({ id, sentAt: new Date(), body }, secrets),
      },
      body: Buffer.from(body),
      signal,
    });
    const detail = await firstBytes(response.body).finally(() => response.close());
    const retryAfter = response.headers["retry-after"];
    return {
      status: response.status,
      detail,
      milliseconds: elapsed(),
      retryAfter: typeof retryAfter === "string" ? retryAfter : undefined,
      isRefused: false,
    };
  } catch (error) {
    if (!(error instanceof ForeignError) || error.code === "aborted") throw error;
    const isRefused = error.code === "address_refused" || error.code === "url_refused";
    const nothing = { status: undefined, retryAfter: undefined };
    return { ...nothing, detail: error.message, milliseconds: elapsed(), isRefused };
  }
}

/** NUL is no character of a text column. An answer that breaks off is kept as far as it came. */
async function firstBytes(body: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of body) {
      pieces.push(piece);
      size += piece.byteLength;
      if (size >= detailBytes) break;
    }
  } catch (error) {
    if (!(error instanceof ForeignError)) throw error;
  }
  return Buffer.concat(pieces).subarray(0, detailBytes).toString("utf8").replaceAll("\0", "\uFFFD");
}
