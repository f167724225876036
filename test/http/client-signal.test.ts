import { once } from "node:events";
import { get } from "node:http";
import { setTimeout as after } from "node:timers/promises";
import fastify from "fastify";
import { clientSignal } from "svc-infra/http";
import { expect, onTestFinished, test } from "vitest";

test("a signal that is kept after the answer never fires, whoever leaves later", async () => {
  const app = fastify();
  onTestFinished(() => app.close());
  const kept: AbortSignal[] = [];
  app.get("/", (_, reply) => {
    kept.push(clientSignal(reply));
    return "done";
  });
  app.get("/slow", (_, reply) => {
    kept.push(clientSignal(reply));
    return new Promise(() => undefined);
  });
  const origin = await app.listen();
  await (await fetch(origin)).text();
  // The response closes after the client has read it.
  await after(20);
  const leaving = get(`${origin}/slow`).on("error", () => undefined);
  await expect.poll(() => kept.length).toBe(2);
  const [first, second] = kept as [AbortSignal, AbortSignal];
  leaving.destroy();
  if (!second.aborted) await once(second, "abort");
  expect(first.aborted).toBe(false);
});
