import { ForeignClient, type ForeignClientOptions, ForeignError } from "../../outbound/index.js";
import { isContentType } from "../content/content-type.js";
import {
  InvalidArgumentError,
  SourceFailedError,
  type StorageError,
  type StorageErrorCode,
  storageError,
} from "../contract/error.js";

/** What is fetched, and within which limits. */
export interface ForeignSource
  extends Pick<ForeignClientOptions, "allowHttp" | "allowPrivateAddresses" | "ports" | "timeoutMs"> {
  readonly url: string | URL;
  readonly maxBytes: number;
  readonly signal: AbortSignal | undefined;
}

/** Content that is on its way from an address that a user chose. */
export interface ForeignContent {
  readonly body: AsyncIterable<Uint8Array>;
  /** As the address says; `undefined` when it says none. */
  readonly contentType: string | undefined;
  /** Ends the connection. */
  close(): void;
}

const maxRedirects = 3;
const defaultTimeoutMs = 60_000;

/**
 * Asks an address that a user chose for its content.
 *
 * @throws StorageError: `invalid_argument` for a URL or address that may not be dialled, `source_failed` when there is no
 * content, `timeout`, `aborted`.
 */
export async function openForeign({
  url,
  maxBytes,
  signal,
  ...limits
}: ForeignSource): Promise<ForeignContent> {
  const client = new ForeignClient({
    ...limits,
    timeoutMs: limits.timeoutMs ?? defaultTimeoutMs,
    maxRedirects,
    // One more than what may be stored: the limit of the content is what refuses it.
    maxResponseBytes: maxBytes + 1,
  });
  const { status, headers, body, close } = await client.request(url, { signal }).catch((error: unknown) => {
    throw translated(error);
  });
  if (status !== 200) {
    close();
    throw new SourceFailedError({ message: `the URL answered with status ${status}` });
  }
  const stated = String(headers["content-type"] ?? "").trim();
  return { body: withTranslation(body), contentType: isContentType(stated) ? stated : undefined, close };
}

async function* withTranslation(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw translated(error);
  }
}

const codes: Readonly<Record<string, StorageErrorCode>> = {
  timeout: "timeout",
  aborted: "aborted",
  response_too_large: "too_large",
};

/** The message of a foreign client names no address and may be shown to the user. */
function translated(error: unknown): StorageError | unknown {
  if (!(error instanceof ForeignError)) return error;
  const { code, message } = error;
  if (code === "url_refused" || code === "address_refused")
    return new InvalidArgumentError({ message, cause: error });
  return storageError(codes[code] ?? "source_failed", { message, cause: error });
}
