import { UploadError } from "./upload-error.js";

/** What is used of a browser's XMLHttpRequest: `fetch` tells nothing of how far an upload has come. */
interface Xhr {
  readonly upload: { onprogress: ((event: { readonly loaded: number }) => void) | null };
  readonly status: number;
  readonly responseText: string;
  onload: (() => void) | null;
  onerror: (() => void) | null;
  onabort: (() => void) | null;
  open(method: string, url: string): void;
  setRequestHeader(name: string, value: string): void;
  send(body: Blob | FormData | string): void;
  abort(): void;
}

declare const XMLHttpRequest: new () => Xhr;

/** One request. */
export interface Sending {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body: Blob | FormData | string;
  readonly signal?: AbortSignal | undefined;
  /** Told how many bytes of the body have been sent. */
  readonly onSent?: ((bytes: number) => void) | undefined;
}

/** An answer from 200 to 299. */
export type Answer = Pick<Xhr, "responseText">;

/**
 * Sends a request and tells how far it has come.
 *
 * @throws UploadError for an answer of another status, and when there is none; the signal's reason when it fires.
 */
export function send({ method, url, headers = {}, body, signal, onSent }: Sending): Promise<Answer> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    const cancel = () => request.abort();
    const end = (how: () => void) => () => {
      signal?.removeEventListener("abort", cancel);
      how();
    };
    request.onload = end(() => (isOk(request) ? resolve(request) : reject(refusal(request))));
    request.onerror = end(() => reject(noAnswer()));
    request.onabort = end(() => reject(signal?.reason));
    request.upload.onprogress = ({ loaded }) => onSent?.(loaded);
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    signal?.addEventListener("abort", cancel);
    request.send(body);
  });
}

function isOk({ status }: Xhr): boolean {
  return status >= 200 && status < 300;
}

/** The service answers problem details (RFC 9457); a provider answers something else. */
function refusal({ status, responseText }: Xhr): UploadError {
  const { detail, title, code } = problemIn(responseText);
  return new UploadError(detail ?? title ?? `the upload was refused with status ${status}`, {
    status,
    code: code ?? "refused",
  });
}

function problemIn(text: string): {
  readonly detail?: string;
  readonly title?: string;
  readonly code?: string;
} {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

function noAnswer(): UploadError {
  const message = "no answer: the service is away, or its CORS rules refuse this page";
  return new UploadError(message, { status: 0, code: "unreachable" });
}
