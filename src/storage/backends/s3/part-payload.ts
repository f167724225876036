import { abortable } from "../../contract/abortable.js";
import type { Body } from "../../contract/backend.js";
import { partsOf } from "./parts.js";
import { Refusal } from "./refusal.js";
import type { Payload } from "./wire/payload.js";

/** S3 must be told how long a part is; one that does not say is taken into memory up to here. */
const maxGatheredBytes = 67_108_864;

/** A part's content as it is sent. */
export async function partPayload(body: Body, signal: AbortSignal | undefined): Promise<Payload> {
  if (body.bytes !== undefined) return { size: body.bytes.byteLength, pieces: [body.bytes] };
  const source = abortable(body.open(), signal);
  if (body.size !== undefined) return { size: body.size, source };
  const parts = partsOf(source, maxGatheredBytes);
  try {
    const { value: first } = await parts.next();
    if (first?.isLast) return first.payload;
    throw new Refusal("invalid_argument", `a part of more than ${maxGatheredBytes} bytes needs its size`);
  } finally {
    await parts.return(undefined);
  }
}
