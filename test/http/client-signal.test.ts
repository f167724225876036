import { once } from "node:events";
import { get, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as after } from "node:timers/promises";
import fastify, { type FastifyReply } from "fastify";
import { Closing, clientSignal, whenClosed } from "svc-infra/http";
import { expect, onTestFinished, test, vi } from "vitest";
import { getOf, pipeline, postOf } from "./pipeline.js";

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

/** A service that answers nothing by itself, and the replies of its requests by their paths. */
async function holding() {
  const app = fastify();
  const replies = new Map<string, FastifyReply>();
  app.all("/*", (request, reply) => {
    replies.set(request.url, reply);
    return new Promise(() => undefined);
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => app.close());
  return { port: Number(Object(app.server.address()).port), replies };
}

test("the signal of an answer that waits for its turn fires when the connection ends", async () => {
  const { port, replies } = await holding();
  const client = pipeline(port, [getOf("/first"), getOf("/second"), postOf("/third", { a: 1 })]);
  await expect.poll(() => replies.size).toBe(3);
  const signals = [...replies.values()].map(clientSignal);
  client.destroy();
  await expect.poll(() => signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
});

test("a listener of an answer that waited for its turn is called once, also when it comes late", async () => {
  const { port, replies } = await holding();
  const client = pipeline(port, [getOf("/first"), getOf("/second")]);
  await expect.poll(() => replies.size).toBe(2);
  const { raw } = replies.get("/second") as FastifyReply;
  const [early, late] = [vi.fn(), vi.fn()];
  whenClosed(raw, early);
  client.destroy();
  await expect.poll(() => raw.destroyed).toBe(true);
  whenClosed(raw, late);
  raw.emit("close");
  expect([early.mock.calls.length, late.mock.calls.length]).toEqual([1, 1]);
});

test("answers that were sent in their turn leave no signal fired", async () => {
  const { port, replies } = await holding();
  const client = pipeline(port, [getOf("/first"), getOf("/second")]);
  await expect.poll(() => replies.size).toBe(2);
  const signals = [...replies.values()].map(clientSignal);
  const answers = text(client);
  replies.get("/second")?.header("connection", "close").send("two");
  replies.get("/first")?.send("one");
  expect(await answers).toMatch(/one.*two/s);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
});

test("an answer that waits for its turn counts as a transfer until the connection ends", async () => {
  const { port, replies } = await holding();
  const client = pipeline(port, [getOf("/first"), getOf("/second")]);
  await expect.poll(() => replies.size).toBe(2);
  const closing = new Closing(0);
  const answers = [...replies.values()].map(({ raw }) => raw);
  for (const answer of answers) closing.track(answer);
  client.destroy();
  await expect.poll(() => answers[0]?.destroyed).toBe(true);
  await after(20);
  const cut: ServerResponse[] = [];
  for (const answer of answers)
    vi.spyOn(answer, "destroy").mockImplementation(() => {
      cut.push(answer);
      return answer;
    });
  closing.begin({});
  await after(20);
  closing.end();
  expect(cut).toEqual([]);
});
