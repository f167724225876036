import type { FastifyReply } from "fastify";
import { SpareControllers } from "../kernel/index.js";

const spare = new SpareControllers();

/**
 * A signal for what is done on behalf of one request: it fires when the connection closes before the answer
 * is done. Fastify's `request.signal` will not do: it fires as soon as the content has been read. Once the answer is
 * done, the signal may serve another request: nothing may look at it then.
 */
export function clientSignal({ raw }: FastifyReply): AbortSignal {
  const departure = spare.take();
  const onClose = () => {
    if (raw.writableFinished) spare.giveBack(departure);
    else departure.abort();
  };
  if (raw.destroyed) onClose();
  else raw.once("close", onClose);
  return departure.signal;
}
