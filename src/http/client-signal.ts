import type { FastifyReply } from "fastify";

/**
 * A signal for what is done on behalf of one request: it fires when the connection closes before the answer
 * is done. Fastify's `request.signal` will not do: it fires as soon as the content has been read.
 */
export function clientSignal({ raw }: FastifyReply): AbortSignal {
  const departure = new AbortController();
  const onClose = () => {
    if (!raw.writableFinished) departure.abort();
  };
  if (raw.destroyed) onClose();
  else raw.once("close", onClose);
  return departure.signal;
}
