import { request } from "node:http";
import { type FastifyInstance, fastify } from "fastify";
import { afterEach, beforeEach, expect, it } from "vitest";
import { addBodyParsers } from "#dist/app/body-parsers.js";

let app: FastifyInstance;
let port: number;

beforeEach(async () => {
  app = fastify({ bodyLimit: 100 });
  addBodyParsers(app, { bytesPerSecond: 1000, windowMs: 100 });
  app.post("/", async ({ body }) => ({ body }));
  app.post("/large", { bodyLimit: 1000 }, async ({ body }) => ({ body }));
  port = Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
});
afterEach(() => app.close());

function post(path: string, type: string, body: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { "content-type": type },
    body,
  });
}

it("JSON and text are read as Fastify reads them", async () => {
  expect(await (await post("/", "application/json", '{"a":"ü"}')).json()).toEqual({ body: { a: "ü" } });
  expect(await (await post("/", "application/json; charset=utf-8", "[1]")).json()).toEqual({ body: [1] });
  expect(await (await post("/", "text/plain", "text")).json()).toEqual({ body: "text" });
  for (const wrong of ["", "{", '{"__proto__":{}}']) {
    expect((await post("/", "application/json", wrong)).status).toBe(400);
  }
  expect((await post("/", "text/csv", "a,b")).status).toBe(415);
});

it("a body above the limit of its route is refused", async () => {
  const text = "x".repeat(500);
  expect((await post("/", "text/plain", text)).status).toBe(413);
  expect((await post("/large", "text/plain", text)).status).toBe(200);
});

it("a body that trickles is refused with 408, although its bytes never stop", async () => {
  const headers = { "content-type": "application/json", "transfer-encoding": "chunked" };
  const client = request({ port, host: "127.0.0.1", method: "POST", path: "/", headers });
  const timer = setInterval(() => client.write(" "), 20);
  const status = await new Promise((resolve, reject) => {
    client.on("response", (answer) => resolve(answer.statusCode)).on("error", reject);
  });
  clearInterval(timer);
  client.destroy();
  expect(status).toBe(408);
});
