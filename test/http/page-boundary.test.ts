import Fastify from "fastify";
import { pageBoundary, problemHandler } from "svc-infra/http";
import { describe, expect, it } from "vitest";

function appWith(isOpen: boolean, allowOrigins: readonly string[] = []) {
  const app = Fastify();
  app.setErrorHandler(problemHandler(false));
  app.addHook(
    "onRequest",
    pageBoundary({ isOpen, allowOrigins, ownUrls: ["https://files.example.com/files"] }),
  );
  app.route({ method: ["GET", "POST"], url: "/", handler: async () => "done" });
  return async (method: "GET" | "POST", headers: Record<string, string>) => {
    const answer = await app.inject({ method, url: "/", headers: { host: "localhost:8000", ...headers } });
    return answer.statusCode === 200 ? "done" : answer.json().code;
  };
}

describe.each([true, false])("an unsafe verb of a service that is open: %s", (isOpen) => {
  const ask = appWith(isOpen, ["https://app.example.com", "*"]);
  it.each([
    [{}, "done"],
    [{ "sec-fetch-site": "same-origin", origin: "http://localhost:8000" }, "done"],
    [{ "sec-fetch-site": "none" }, "done"],
    [{ "sec-fetch-site": "cross-site", origin: "https://evil.example" }, "cross_site"],
    [{ "sec-fetch-site": "cross-site" }, "cross_site"],
    [{ "sec-fetch-site": "same-site", origin: "http://localhost:3000" }, "cross_site"],
    [{ "sec-fetch-site": "cross-site", origin: "https://app.example.com" }, "done"],
    [{ "sec-fetch-site": "cross-site", origin: "https://files.example.com" }, "done"],
    [{ origin: "http://localhost:8000" }, "done"],
    [{ origin: "http://localhost:3000" }, "cross_site"],
    [{ origin: "http://localhost:8000.evil.example" }, "cross_site"],
    [{ origin: "https://app.example.com" }, "done"],
    [{ origin: "null" }, "cross_site"],
    [{ origin: "*" }, "done"],
    [{ origin: "" }, "cross_site"],
  ] as const)("with %j: %s", async (headers, outcome) => {
    // No browser sends "*": it stands in the list of this test, and means nothing to the origins of pages.
    expect(await ask("POST", headers)).toBe(outcome);
  });
});

describe("a read", () => {
  const strange = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" };
  const link = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
  const frame = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" };
  it("of an open service is refused to pages of other origins, but not to people who follow a link", async () => {
    const ask = appWith(true);
    expect(await ask("GET", {})).toBe("done");
    expect(await ask("GET", link)).toBe("done");
    for (const headers of [strange, frame, { origin: "https://evil.example" }]) {
      expect(await ask("GET", headers)).toBe("cross_site");
    }
  });

  it("of a service with credentials is left to CORS", async () => {
    expect(await appWith(false)("GET", strange)).toBe("done");
  });
});

describe("an open service", () => {
  const ask = appWith(true);
  it.each([
    "localhost",
    "localhost:8000",
    "127.0.0.1",
    "127.8.8.8:1",
    "[::1]:8000",
    "a.localhost",
    "FILES.example.com",
  ])("answers to %s", async (host) => {
    for (const method of ["GET", "POST"] as const) expect(await ask(method, { host })).toBe("done");
  });

  it.each([
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "10.0.0.1",
    "0.0.0.0",
    "[::2]",
    "a b",
    "files.example.com@evil.example",
  ])("does not answer to the name '%s'", async (host) => {
    for (const method of ["GET", "POST"] as const) expect(await ask(method, { host })).toBe("misdirected");
  });

  it.each(["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"])(
    "does not answer what a proxy passed on with %s",
    async (name) => {
      expect(await ask("GET", { [name]: "127.0.0.1" })).toBe("forwarded");
      expect(await appWith(false)("GET", { [name]: "127.0.0.1" })).toBe("done");
    },
  );
});

it("a service with credentials answers to every name", async () => {
  expect(await appWith(false)("POST", { host: "files.example.net" })).toBe("done");
});
