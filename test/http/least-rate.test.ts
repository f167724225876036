import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { setTimeout as after } from "node:timers/promises";
import { RequestBody } from "svc-infra/http";
import { expect, it } from "vitest";

const limit = { maxBytes: 1_000_000, envelopeBytes: 0 };
const rate = { bytesPerSecond: 1000, windowMs: 100 };

/** A message as far as its content is read. */
function message(): PassThrough & IncomingMessage {
  return Object.assign(new PassThrough(), { headers: {} }) as unknown as PassThrough & IncomingMessage;
}

async function read(body: AsyncIterable<Uint8Array>, each: () => Promise<unknown> = async () => undefined) {
  let size = 0;
  for await (const piece of body) {
    size += piece.byteLength;
    await each();
  }
  return size;
}

it("content that trickles is refused with 408, although its bytes never stop", async () => {
  const sender = message();
  const timer = setInterval(() => sender.write("x"), 10);
  const refusal = await read(new RequestBody(sender, limit, rate)).catch((error: unknown) => error);
  clearInterval(timer);
  expect(refusal).toMatchObject({ statusCode: 408, code: "request_timeout" });
});

it("content that comes at the rate passes, and a slow reader is not the sender's fault", async () => {
  const sender = message();
  for (let piece = 0; piece < 10; piece += 1) sender.write("x".repeat(10));
  sender.end();
  expect(await read(new RequestBody(sender, limit, rate), () => after(60))).toBe(100);
});
