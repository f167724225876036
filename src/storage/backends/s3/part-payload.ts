import { abortable } from "../../contract/abortable.js";
import type { Body } from "../../contract/backend.js";
import { chunksOf, emptyChunk } from "../../contract/chunks.js";
import { refusal } from "../../contract/service-error.js";
import type { Payload } from "./wire/payload.js";

/** S3 must be told how long a part is; one that does not say is taken into memory up to here. */
const maxGatheredBytes = 67_108_864;

/** A part's content as it is sent. */
export async function partPayload(body: Body, signal: AbortSignal | undefined): Promise<Payload> {
  if (body.bytes !== undefined) return { size: body.bytes.byteLength, pieces: [body.bytes] };
  const source = abortable(body.open(), signal);
  if (body.size !== undefined) return { size: body.size, source };
  const chunks = chunksOf(source, maxGatheredBytes);
  try {
    const { value: first = emptyChunk } = await chunks.next();
    if (first.isLast) return first;
    throw refusal("invalid_argument", `a part of more than ${maxGatheredBytes} bytes needs its size`);
  } finally {
    await chunks.return(undefined);
  }
}
