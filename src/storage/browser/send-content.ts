import { pause } from "./pause.js";
import type { PreparedPart, PreparedRequest, PreparedUpload } from "./prepared-upload.js";
import { type Sending, send } from "./send.js";
import { UploadError } from "./upload-error.js";

/** Parts that are sent at once; browsers open six connections to a host. */
const atOnce = 4;
/** How often a part is sent again before it has failed. */
const maxRetries = 2;

/** Who is told of it and may stop it. */
export type Watching = Pick<Sending, "signal" | "onSent">;

/** Sends a file to where the service said, as a whole or in parts. */
export async function sendContent(file: Blob, prepared: PreparedUpload, watching: Watching): Promise<void> {
  const { url, parts } = prepared;
  if (url === null) await sendParts(file, parts, watching);
  else await bring(file, { ...prepared, url }, watching);
}

/** A form with the file behind its fields. */
export function formOf(file: Blob, fields: Readonly<Record<string, string>>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", file);
  return form;
}

async function bring(content: Blob, request: PreparedRequest, watching: Watching): Promise<void> {
  const { method, url, headers, fields } = request;
  const body = method === "POST" ? formOf(content, fields) : content;
  try {
    await send({ method, url, headers, body, ...watching });
  } catch (error) {
    // Some services take one content only: an answer that got lost has it there already.
    if (!(error instanceof UploadError && error.status === 412)) throw error;
  }
}

/** Several at once; the first that fails for good stops the others. */
async function sendParts(
  file: Blob,
  parts: readonly PreparedPart[],
  { signal, onSent }: Watching,
): Promise<void> {
  const stopping = new AbortController();
  const stop = () => stopping.abort(signal?.reason);
  signal?.addEventListener("abort", stop);
  const waiting = [...parts];
  const sent = new Map<PreparedPart, number>();
  const work = async () => {
    for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
      const own = part;
      await sendPart(file, own, {
        signal: stopping.signal,
        onSent: (bytes) => onSent?.([...sent.set(own, bytes).values()].reduce((sum, each) => sum + each)),
      });
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
  } finally {
    stop();
    signal?.removeEventListener("abort", stop);
  }
}

async function sendPart(file: Blob, part: PreparedPart, watching: Watching): Promise<void> {
  const content = file.slice(part.start, part.end);
  for (let turn = 0; ; turn++) {
    try {
      return await bring(content, part, watching);
    } catch (error) {
      if (turn === maxRetries || !isTransient(error)) throw error;
      await pause(turn, watching.signal);
    }
  }
}

/** Whether the same request may succeed the next time. */
function isTransient(error: unknown): boolean {
  return error instanceof UploadError && (error.status === 0 || error.status >= 500);
}
