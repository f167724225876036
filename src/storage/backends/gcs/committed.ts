import { Cancellation } from "../../contract/cancellation.js";

/** Makes a change whose last byte the work tells by `cancellation.sent()`. */
export async function committed<T>(
  signal: AbortSignal | undefined,
  work: (cancellation: Cancellation) => Promise<T>,
): Promise<T> {
  const cancellation = new Cancellation(signal);
  try {
    return await work(cancellation);
  } finally {
    cancellation.end();
  }
}
