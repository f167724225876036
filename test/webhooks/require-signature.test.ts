import { request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import Fastify, { type FastifyInstance } from "fastify";
import { problemHandler } from "svc-infra/http";
import { MemoryReceivedIds, requireSignature, signStandard } from "svc-infra/webhooks";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

let app: FastifyInstance;
let handled: unknown[];
let respond: () => Promise<unknown>;
let port: number;

beforeEach(async () => {
  handled = [];
  respond = async () => ({ ok: true });
  app = Fastify({ forceCloseConnections: true });
  app.setErrorHandler(problemHandler(true));
  app.post("/hooks", { preParsing: requireSignature(secret) }, async (request) => {
    handled.push(request.body);
    return respond();
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  port = (app.server.address() as AddressInfo).port;
});

afterEach(() => app.close());

function signed(id: string, body: string, at = new Date()): Record<string, string> {
  return { "content-type": "application/json", ...signStandard({ id, sentAt: at, body }, [secret]) };
}

function post(headers: Record<string, string>, body: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/hooks`, { method: "POST", headers, body });
}

it("a signed message reaches the handler, parsed", async () => {
  const response = await post(signed("msg_1", '{"a":1}'), '{"a":1}');
  expect(response.status).toBe(200);
  expect(handled).toEqual([{ a: 1 }]);
});

describe("a message is refused before it is parsed", () => {
  it.each<[string, () => [Record<string, string>, string]]>([
    ["without a signature", () => [{ "content-type": "application/json" }, "{"]],
    ["with altered content", () => [signed("msg_1", '{"a":1}'), '{"a":2}']],
    ["that is too old", () => [signed("msg_1", "{}", new Date(Date.now() - 600_000)), "{}"]],
    ["from the future", () => [signed("msg_1", "{}", new Date(Date.now() + 600_000)), "{}"]],
  ])("%s", async (_fault, made) => {
    const response = await post(...made());
    expect(response.status).toBe(401);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ code: "invalid_signature" });
    expect(handled).toEqual([]);
  });

  it("with a field that is there twice", async () => {
    const headers = signed("msg_1", "{}");
    const status = await new Promise((resolve, reject) => {
      const sent = httpRequest(
        {
          port,
          path: "/hooks",
          method: "POST",
          headers: { ...headers, "webhook-id": ["msg_1", "msg_1"] },
        },
        (response) => resolve(response.resume().statusCode),
      );
      sent.on("error", reject).end("{}");
    });
    expect(status).toBe(401);
    expect(handled).toEqual([]);
  });

  it("that is larger than the limit", async () => {
    const body = JSON.stringify("x".repeat(10_000_000));
    const response = await post(signed("msg_1", body), body).catch(() => undefined);
    if (response !== undefined) expect(response.status).toBe(413);
    expect(handled).toEqual([]);
  });
});

describe("a message is handled once", () => {
  it("a delivery that comes again is answered and does not reach the handler", async () => {
    const headers = signed("msg_1", "{}");
    expect((await post(headers, "{}")).status).toBe(200);
    expect((await post(headers, "{}")).status).toBe(204);
    expect((await post(signed("msg_1", "{}"), "{}")).status).toBe(204);
    expect(handled).toHaveLength(1);
  });

  it("a delivery during the first one is told to come later", async () => {
    let finish: (value?: unknown) => void = () => undefined;
    respond = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const first = post(signed("msg_1", "{}"), "{}");
    await expect.poll(() => handled.length).toBe(1);
    const second = await post(signed("msg_1", "{}"), "{}");
    expect(second.status).toBe(409);
    expect(second.headers.get("retry-after")).toBe("5");
    finish({});
    expect((await first).status).toBe(200);
  });

  it("a message whose handler failed is handled at its next delivery", async () => {
    respond = () => Promise.reject(new Error("down"));
    expect((await post(signed("msg_1", "{}"), "{}")).status).toBe(500);
    respond = async () => ({});
    await expect.poll(async () => (await post(signed("msg_1", "{}"), "{}")).status).toBe(200);
    expect(handled).toHaveLength(2);
  });
});

describe("ids in memory", () => {
  it("are forgotten after their window", () => {
    let now = 0;
    const ids = new MemoryReceivedIds(1000, 10, () => now);
    expect(ids.claim("a")).toBe("claimed");
    ids.settle("a", true);
    now = 999;
    expect(ids.claim("a")).toBe("done");
    now = 1001;
    expect(ids.claim("a")).toBe("claimed");
  });

  it("are bounded in number, and a running one is never forgotten", () => {
    const ids = new MemoryReceivedIds(1000, 10, () => 0);
    ids.claim("running");
    for (let index = 0; index < 100; index += 1) {
      ids.claim(`id ${index}`);
      ids.settle(`id ${index}`, true);
    }
    expect(ids.claim("running")).toBe("running");
    expect(ids.claim("id 0")).toBe("claimed");
    expect(ids.claim("id 99")).toBe("done");
  });
});
