import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthService, type AuthServiceOptions, password } from "./auth-service.js";
import type { Browser } from "./browser.js";
import { Inbox } from "./inbox.js";

const strangerTargets = [
  "https://evil.example",
  "https://evil.example/path",
  "//evil.example",
  "///evil.example",
  "////evil.example",
  "/\\evil.example",
  "\\\\evil.example",
  "\\/evil.example",
  "/\t/evil.example",
  "/\n/evil.example",
  "/%2Fevil.example",
  "/%5Cevil.example",
  "/%2f%2fevil.example",
  "https:evil.example",
  "https:/evil.example",
  "HTTPS://EVIL.EXAMPLE",
  "https://localhost:3000@evil.example",
  "https://localhost:3000.evil.example",
  "javascript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  " https://evil.example",
];

/** The attacks that each service with users must refuse, wherever it runs. */
export function refuseAttacks(options: () => Promise<AuthServiceOptions>): void {
  let inbox: Inbox;
  let service: AuthService;
  let ann: Browser;

  beforeAll(async () => {
    inbox = await Inbox.start();
    service = await AuthService.start(inbox, await options());
    ann = await service.signIn("ann@example.com");
  });

  afterAll(async () => {
    await service.stop();
    await inbox.stop();
  });

  describe("a page of another origin", () => {
    const body = { email: "ann@example.com", password };

    it.each([
      { origin: "https://evil.example" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site", origin: "https://evil.example" },
    ])("cannot sign anybody in or out, nor use a cookie: %j", async (headers) => {
      expect((await service.browser().post("/auth/sign-in/email", body, headers)).statusCode).toBe(403);
      expect((await ann.post("/auth/sign-out", {}, headers)).statusCode).toBe(403);
      expect((await ann.post("/me", {}, headers)).statusCode).toBe(403);
      expect((await ann.get("/me")).statusCode).toBe(200);
    });

    it("nor does a request with a cookie and no origin change anything", async () => {
      for (const url of ["/auth/sign-out", "/auth/api-keys", "/me"]) {
        expect((await ann.request("POST", url, {}, {})).statusCode).toBe(403);
      }
      expect((await ann.request("DELETE", "/auth/account", undefined, {})).statusCode).toBe(403);
      expect((await ann.get("/me")).statusCode).toBe(200);
    });

    it("cannot post a form", async () => {
      const headers = { "content-type": "text/plain", origin: "https://evil.example" };
      expect((await ann.post("/auth/sign-out", {}, headers)).statusCode).toBe(403);
    });
  });

  it.each(strangerTargets)("no link leads to %j", async (target) => {
    const sent = await service
      .browser()
      .post("/auth/request-password-reset", { email: "ann@example.com", redirectTo: target });
    expect([400, 403]).toContain(sent.statusCode);
    const url = `/auth/verify-email?token=x&callbackURL=${encodeURIComponent(target)}`;
    const followed = await service.browser().get(url);
    expect([400, 401, 403]).toContain(followed.statusCode);
    expect(followed.headers.location).toBeUndefined();
  });

  it("the host that a client names is in no mail", async () => {
    const email = `host-${Date.now()}@example.com`;
    const headers = {
      host: "evil.example",
      "x-forwarded-host": "evil.example",
      forwarded: "host=evil.example",
    };
    await service.browser().post("/auth/sign-up/email", { email, password, name: "H" }, headers);
    expect((await inbox.linkTo(email)).origin).toBe(service.origin);
    expect(await inbox.mailTo(email)).not.toContain("evil.example");
  });

  it("a client cannot choose the address that limits it", async () => {
    const one = service.browser();
    const statuses = [];
    for (let count = 0; count < 31; count++) {
      const headers = { "x-forwarded-for": `1.2.3.${count}`, "x-svc-infra-client-address": `1.2.3.${count}` };
      statuses.push(
        (await one.post("/auth/sign-in/email", { email: "none", password: "x" }, headers)).statusCode,
      );
    }
    expect(statuses.at(-1)).toBe(429);
  });

  it("a session that an attacker chose is not taken over by a sign-in", async () => {
    const name = [...ann.cookies.keys()].find((each) => each.endsWith("session_token")) ?? "";
    const victim = service.browser();
    const planted = ann.cookies.get(name) ?? "";
    victim.cookies.set(name, planted);
    await service.signUp("victim@example.com", service.browser());
    await victim.post("/auth/sign-in/email", { email: "victim@example.com", password });
    expect(victim.cookies.get(name)).not.toBe(planted);
    expect((await ann.get("/me")).json().email).toBe("ann@example.com");
    victim.cookies.set(name, "chosen.by-the-attacker");
    expect((await victim.get("/me")).statusCode).toBe(401);
  });

  it("a cookie of another name, or without the prefix that binds it to the host, counts as none", async () => {
    const [name = "", value] = [...ann.cookies].find(([each]) => each.endsWith("session_token")) ?? [];
    const isSecure = name.startsWith("__Host-");
    for (const other of isSecure ? ["auth", "__Secure-auth", "__host-auth"] : ["Auth", "xauth"]) {
      const cookie = `${other}.session_token=${value}`;
      expect((await service.browser().get("/me", { cookie })).statusCode).toBe(401);
      expect((await service.browser().get("/auth/list-accounts", { cookie })).statusCode).toBe(401);
    }
  });

  it("two cookies of one name count as none, and neither does one in quotes", async () => {
    const [name, value] = [...ann.cookies].find(([each]) => each.endsWith("session_token")) ?? [];
    const pair = `${name}=${value}`;
    for (const cookie of [`${pair}; ${name}=other.value`, `${pair}; ${pair}`, `${name}="${value}"`]) {
      expect((await service.browser().get("/me", { cookie })).statusCode).toBe(401);
      expect((await service.browser().get("/auth/list-accounts", { cookie })).statusCode).toBe(401);
    }
  });

  it.each([
    { email: { $ne: "" }, password },
    { email: ["ann@example.com"], password },
    { email: "ann@example.com", password: { length: 20 } },
    { email: "ann@example.com", password: null },
    [],
    "text",
    null,
  ])("what is no text where text is expected is refused: %j", async (body) => {
    for (const path of ["/auth/sign-in/email", "/auth/sign-up/email", "/auth/change-password"]) {
      const answer = await service.browser().post(path, body);
      expect([400, 401, 415, 422]).toContain(answer.statusCode);
      expect(answer.headers["content-type"]).toBe("application/problem+json");
    }
  });

  it("no answer tells whether an address has an account", async () => {
    const post = (path: string, body: object) => service.browser().post(path, body);
    const [known, unknown] = ["ann@example.com", "nobody@example.com"];
    for (const [path, body] of [
      ["/auth/sign-in/email", { password: "wrong wrong wrong" }],
      ["/auth/request-password-reset", { redirectTo: "/new" }],
      ["/auth/sign-up/email", { password, name: "N" }],
    ] as const) {
      const one = await post(path, { ...body, email: known });
      const other = await post(path, { ...body, email: unknown });
      expect(shapeOf(one)).toEqual(shapeOf(other));
    }
  });

  it("a user cannot give themselves what only the service may", async () => {
    await ann.post("/auth/update-user", { emailVerified: true, twoFactorEnabled: true, name: "Ann" });
    await ann.post("/auth/update-session", { factor: 2 });
    expect((await ann.get("/me")).json().session.factor).toBe(1);
    expect((await ann.get("/step-up")).statusCode).toBe(403);
  });
}

/** What a stranger sees of an answer, without what is random in each. */
function shapeOf({ statusCode, headers, body }: Awaited<ReturnType<Browser["post"]>>) {
  const text = body
    .replaceAll(/"(id|createdAt|updatedAt)":"[^"]*"/g, '"$1":""')
    .replaceAll(/(?:ann|nobody)@example\.com/g, "address");
  const { date: _, "content-length": __, "set-cookie": cookies, ...told } = headers;
  return { statusCode, told, cookies: [cookies ?? []].flat().length, text };
}
