import type { IncomingMessage, Server, ServerResponse } from "node:http";

/** Requests whose client waits for `100 Continue` before it sends its content. */
const waiting = new WeakMap<IncomingMessage, ServerResponse>();
const listening = new WeakMap<object, ((path: string) => boolean)[]>();

/**
 * Leaves it to the routes below some paths when to say `100 Continue` (RFC 9110 §10.1.1), so that a refused
 * upload is never sent. All other routes get it at once, as Node does by itself; a server that has its own
 * listener keeps it.
 */
export function deferContinue(
  server: Pick<Server, "on" | "emit" | "listenerCount">,
  isOurs: (path: string) => boolean,
): void {
  const known = listening.get(server);
  if (known !== undefined) {
    known.push(isOurs);
    return;
  }
  if (server.listenerCount("checkContinue") > 0) return;
  const ours = [isOurs];
  listening.set(server, ours);
  server.on("checkContinue", (message: IncomingMessage, response: ServerResponse) => {
    if (ours.some((each) => each(message.url ?? ""))) waiting.set(message, response);
    else response.writeContinue();
    server.emit("request", message, response);
  });
}

/** Tells a waiting client to send its content. */
export function continueRequest(message: IncomingMessage): void {
  waiting.get(message)?.writeContinue();
  waiting.delete(message);
}

/** Whether the client has not been told to send its content. */
export function isWaiting(message: IncomingMessage): boolean {
  return waiting.has(message);
}
