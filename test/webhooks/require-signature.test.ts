import { createHmac } from "node:crypto";
import { request as httpRequest, type OutgoingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import Fastify, { type FastifyInstance } from "fastify";
import { problemHandler } from "svc-infra/http";
import {
  githubSignature,
  MemoryReceivedIds,
  plainSignature,
  requireSignature,
  type SignatureScheme,
  signStandard,
  slackSignature,
  standardWebhooks,
  stripeSignature,
} from "svc-infra/webhooks";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const standard = standardWebhooks(secret);

const hmac = (text: string) => createHmac("sha256", secret).update(text).digest("hex");
const now = () => String(Math.floor(Date.now() / 1000));
const json = { "content-type": "application/json" };

/** Requests as the services sign them. */
const foreign = {
  Stripe: {
    scheme: stripeSignature(secret),
    sign: (body, at = now()) => ({ ...json, "stripe-signature": `t=${at},v1=${hmac(`${at}.${body}`)}` }),
  },
  Slack: {
    scheme: slackSignature(secret),
    sign: (body, at = now()) => ({
      ...json,
      "x-slack-request-timestamp": at,
      "x-slack-signature": `v0=${hmac(`v0:${at}:${body}`)}`,
    }),
  },
  GitHub: {
    scheme: githubSignature(secret),
    sign: (body) => ({
      ...json,
      "x-hub-signature-256": `sha256=${hmac(body)}`,
      "x-github-delivery": "d_1",
    }),
  },
  Plain: {
    scheme: plainSignature(secret),
    sign: (body) => ({ ...json, "x-webhook-signature": `sha256=${hmac(body)}` }),
  },
} as const satisfies Record<string, Foreign>;

interface Foreign {
  readonly scheme: SignatureScheme;
  readonly sign: (body: string, at?: string) => Record<string, string>;
}

const foreignFields = [
  ["Stripe", "stripe-signature"],
  ["Slack", "x-slack-signature"],
  ["Slack", "x-slack-request-timestamp"],
  ["GitHub", "x-hub-signature-256"],
  ["GitHub", "x-github-delivery"],
  ["Plain", "x-webhook-signature"],
] as const;

let app: FastifyInstance;
let handled: unknown[];
let respond: () => Promise<unknown>;
let port: number;

beforeEach(async () => {
  handled = [];
  respond = async () => ({ ok: true });
  app = Fastify({ forceCloseConnections: true });
  app.setErrorHandler(problemHandler(true));
  app.post("/hooks", { preParsing: requireSignature(standard) }, async (request) => {
    handled.push(request.body);
    return respond();
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  port = (app.server.address() as AddressInfo).port;
});

afterEach(() => {
  vi.restoreAllMocks();
  return app.close();
});

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

  it.each(["webhook-id", "webhook-timestamp", "webhook-signature"])("with %s there twice", async (name) => {
    const headers = signed("msg_1", "{}");
    // Joined by Node, two signatures would verify: others than the right one are passed over.
    const second = name === "webhook-signature" ? "v1,other" : headers[name];
    expect(await statusOf("/hooks", headers)).toBe(200);
    const again = signed("msg_2", "{}");
    const twice = { ...again, [name]: [second ?? "", again[name] ?? ""] };
    expect(await statusOf("/hooks", twice)).toBe(401);
    expect(handled).toHaveLength(1);
  });

  it.each(foreignFields)("of %s, with %s there twice", async (service, name) => {
    const { scheme, sign }: Foreign = foreign[service];
    const other = Fastify({ forceCloseConnections: true });
    other.setErrorHandler(problemHandler(true));
    other.post("/hooks", { preParsing: requireSignature(scheme) }, async () => ({}));
    await other.listen({ port: 0, host: "127.0.0.1" });
    onTestFinished(() => other.close());
    const to = (other.server.address() as AddressInfo).port;
    const headers = sign("{}");
    const twice = { ...headers, [name]: ["other", headers[name] ?? ""] };
    const same = { ...headers, [name]: [headers[name] ?? "", headers[name] ?? ""] };
    // Joined by Node, a second one that is empty is hardly seen.
    const empty = { ...headers, [name]: [headers[name] ?? "", ""] };
    for (const each of [twice, same, empty]) expect(await statusOf("/hooks", each, to)).toBe(401);
    expect(await statusOf("/hooks", headers, to)).toBe(200);
  });

  /** The status of a request with fields that may be there twice. */
  function statusOf(path: string, headers: OutgoingHttpHeaders, to = port): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const sent = httpRequest({ port: to, path, method: "POST", headers }, (response) =>
        resolve(response.resume().statusCode),
      );
      sent.on("error", reject).end("{}");
    });
  }

  it.each([
    ["as its length says", { "content-length": "10000000" }, 1000],
    ["whatever its length", {}, 2_000_000],
  ])("that is larger than the limit, %s", async (_name, length, sent) => {
    const verify = vi.spyOn(standard, "verify");
    const answer = await answerTo({ ...signed("msg_1", "{}"), ...length }, Buffer.alloc(sent, "x"));
    expect(answer).toMatchObject({ status: 413, body: { code: "too_large" } });
    expect(verify).not.toHaveBeenCalled();
    expect(handled).toEqual([]);
  });

  /** Sends the beginning of a body and no end, and resolves to the answer. */
  function answerTo(headers: Record<string, string>, start: Buffer): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const sent = httpRequest({ port, path: "/hooks", method: "POST", headers }, async (response) => {
        const body = await text(response);
        sent.destroy();
        resolve({ status: response.statusCode, body: JSON.parse(body) });
      });
      sent.on("error", reject).write(start);
    });
  }
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

  it.each([
    ["ends well", () => ({}), 1],
    ["fails", () => Promise.reject(new Error("down")), 2],
    ["answers with a stream", () => Readable.from(["{}"]), 1],
  ])("a sender that leaves frees no message: its handler %s", async (_name, end, times) => {
    let finish: (value?: unknown) => void = () => undefined;
    respond = () =>
      new Promise((resolve) => {
        finish = resolve;
      }).then(end);
    const leaving = new AbortController();
    const closed = new Promise<void>((resolve) => {
      app.server.once("connection", (socket) => socket.once("close", () => resolve()));
    });
    const { signal } = leaving;
    const first = fetch(`http://127.0.0.1:${port}/hooks`, {
      method: "POST",
      headers: { ...signed("msg_1", "{}"), connection: "close" },
      body: "{}",
      signal,
    });
    await expect.poll(() => handled.length).toBe(1);
    leaving.abort();
    await expect(first).rejects.toThrow();
    await closed;
    expect((await post(signed("msg_1", "{}"), "{}")).status).toBe(409);
    finish();
    respond = async () => ({});
    const answered = async () => (await post(signed("msg_1", "{}"), "{}")).status;
    await expect.poll(async () => (await answered()) !== 409).toBe(true);
    expect(handled).toHaveLength(times);
    expect(await answered()).toBe(204);
  });

  it("a message whose handler failed is handled at its next delivery", async () => {
    respond = () => Promise.reject(new Error("down"));
    expect((await post(signed("msg_1", "{}"), "{}")).status).toBe(500);
    respond = async () => ({});
    await expect.poll(async () => (await post(signed("msg_1", "{}"), "{}")).status).toBe(200);
    expect(handled).toHaveLength(2);
  });
});

it("ids are remembered for twice the tolerance, as a message verifies before its time and after it", async () => {
  let now = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now });
  try {
    const hook = requireSignature(standardWebhooks(secret, { toleranceSeconds: 3600 }));
    const other = Fastify();
    other.post("/hooks", { preParsing: hook }, async () => ({}));
    const sentAt = new Date(now + 3_600_000);
    const send = () =>
      other.inject({ method: "POST", url: "/hooks", headers: signed("msg_1", "{}", sentAt), payload: "{}" });
    expect((await send()).statusCode).toBe(200);
    now += 7_199_000;
    vi.setSystemTime(now);
    expect((await send()).statusCode).toBe(204);
  } finally {
    vi.useRealTimers();
  }
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
