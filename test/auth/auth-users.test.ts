import { getSqlDb } from "svc-infra/sql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { authVerifications } from "#dist/auth/schema.js";
import { AuthService, password } from "./auth-service.js";
import { Inbox } from "./inbox.js";

let inbox: Inbox;
let service: AuthService;
const origin = "http://localhost:3000";
const logLines: Record<string, unknown>[] = [];

beforeAll(async () => {
  inbox = await Inbox.start();
  service = await AuthService.start(inbox, { logLines, lockoutMaxAttempts: 3 });
});

afterAll(async () => {
  await service.stop();
  await inbox.stop();
});

describe("a new user", () => {
  it("signs in when the address is confirmed, and not before", async () => {
    const ann = service.browser();
    const signUp = await ann.post("/auth/sign-up/email", { email: "Ann@Example.com", password, name: "Ann" });
    expect(signUp.statusCode).toBe(200);
    const early = await ann.post("/auth/sign-in/email", { email: "ann@example.com", password });
    expect([early.statusCode, early.json().code]).toEqual([403, "email_not_verified"]);
    const link = await inbox.linkTo("ann@example.com");
    expect((await ann.get(link.pathname + link.search)).statusCode).toBe(302);
    expect((await ann.get("/me")).statusCode).toBe(401);
    const signIn = await ann.post("/auth/sign-in/email", { email: "ANN@example.com", password });
    expect(signIn.statusCode).toBe(200);
    const me = await ann.get("/me");
    expect(me.json()).toMatchObject({ email: "ann@example.com", roles: [], session: { factor: 1 } });
  });

  it.each([
    ["short7chars", "password_too_short"],
    ["Password1234!", "password_known"],
    ["qwertyuiop123", "password_known"],
    ["1234567890123", "password_known"],
    ["x".repeat(129), "password_too_long"],
  ])("may not have the password %s", async (weak, code) => {
    const answer = await service
      .browser()
      .post("/auth/sign-up/email", { email: "weak@example.com", password: weak, name: "W" });
    expect([answer.statusCode, answer.json().code]).toEqual([400, code]);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
  });
});

describe("a request with the cookie of a session", () => {
  it.each([
    ["names no origin", {}, {}, "missing_or_null_origin"],
    ["names another origin", { origin: "https://evil.example" }, {}, "cross_site"],
    [
      "leads back to another origin",
      undefined,
      { callbackURL: "https://evil.example" },
      "invalid_callback_url",
    ],
    [
      "is led on to another origin",
      undefined,
      { redirectTo: "https://evil.example" },
      "invalid_redirect_url",
    ],
  ])("is refused when it %s", async (_, headers, targets, code) => {
    const dora = await service.signIn(`dora-${code}@example.com`);
    const body = { email: "dora@example.com", ...targets };
    const answer = await dora.request("POST", "/auth/request-password-reset", body, headers ?? { origin });
    expect([answer.statusCode, answer.json().code]).toEqual([403, code]);
  });
});

describe("getCurrentUser", () => {
  it.each([
    [
      "a page of a sibling origin",
      "finn",
      { origin: "https://sibling.example", "sec-fetch-site": "same-site" },
    ],
    ["a page that its browser calls a sibling", "pia", { "sec-fetch-site": "same-site" }],
    ["no page that is named", "quinn", {}],
  ])("gives no user to a POST without a body from %s", async (_, name, headers) => {
    const email = `${name}@example.com`;
    const user = await service.signIn(email);
    const answer = await user.request("POST", "/unguarded", undefined, headers);
    expect([answer.statusCode, answer.json().code]).toEqual([403, "cross_site"]);
    const own = await user.request("POST", "/unguarded", undefined, { origin });
    expect([own.statusCode, own.json().email]).toEqual([200, email]);
  });
});

describe("a session", () => {
  it("ends when its user signs out", async () => {
    const ben = await service.signIn("ben@example.com");
    const cookies = new Map(ben.cookies);
    expect((await ben.post("/auth/sign-out", {})).statusCode).toBe(200);
    for (const [name, value] of cookies) ben.cookies.set(name, value);
    expect((await ben.get("/me")).statusCode).toBe(401);
  });

  it("is listed and revoked, one or all", async () => {
    const first = await service.signIn("cat@example.com");
    const second = service.browser();
    await second.post("/auth/sign-in/email", { email: "cat@example.com", password });
    const list = (await first.get("/auth/sessions")).json();
    const { id } = (await second.get("/me")).json().session;
    expect(list.map((each: { isCurrent: boolean }) => each.isCurrent)).toEqual([false, true]);
    expect(list[0]).toMatchObject({ id, kind: "browser", factor: 1, userAgent: "lightMyRequest" });
    const stranger = await service.signIn("cats-neighbour@example.com");
    expect((await stranger.delete(`/auth/sessions/${id}`)).statusCode).toBe(404);
    expect((await second.get("/me")).statusCode).toBe(200);
    expect((await first.delete(`/auth/sessions/${id}`)).statusCode).toBe(204);
    expect((await second.get("/me")).statusCode).toBe(401);
    expect((await first.get("/me")).statusCode).toBe(200);
    expect((await first.post("/auth/revoke-sessions", {})).statusCode).toBe(200);
    expect((await first.get("/me")).statusCode).toBe(401);
  });

  it("too old for a route is told apart from none", async () => {
    const dan = await service.signIn("dan@example.com");
    expect((await dan.get("/fresh")).statusCode).toBe(200);
    await expect.poll(async () => (await dan.get("/fresh")).statusCode, { timeout: 5000 }).toBe(401);
    expect((await dan.get("/fresh")).json().code).toBe("stale_session");
  });
});

describe("a password", () => {
  it("is changed by who knows the old one, and ends the other sessions", async () => {
    const eve = await service.signIn("eve@example.com");
    const other = service.browser();
    await other.post("/auth/sign-in/email", { email: "eve@example.com", password });
    const wrong = { currentPassword: "not this one at all", newPassword: "another staple horse" };
    expect((await eve.post("/auth/change-password", wrong)).statusCode).toBe(400);
    const right = { currentPassword: password, newPassword: "another staple horse" };
    expect((await eve.post("/auth/change-password", right)).statusCode).toBe(200);
    expect((await eve.get("/me")).statusCode).toBe(200);
    expect((await other.get("/me")).statusCode).toBe(401);
  });

  it("is replaced by a link that works once, and ends all sessions", async () => {
    const email = "fay@example.com";
    const fay = await service.signIn(email);
    expect((await fay.post("/auth/request-password-reset", { email, redirectTo: "/new" })).statusCode).toBe(
      200,
    );
    await expect.poll(() => inbox.countOf(email)).toBe(2);
    const link = await inbox.linkTo(email);
    const landing = await fay.get(link.pathname + link.search);
    const token = new URL(String(landing.headers.location)).searchParams.get("token");
    const body = { token, newPassword: "another staple horse" };
    expect((await fay.post("/auth/reset-password", body)).statusCode).toBe(200);
    expect((await fay.get("/me")).statusCode).toBe(401);
    expect((await fay.post("/auth/reset-password", body)).json().code).toBe("invalid_token");
    const again = await fay.post("/auth/sign-in/email", { email, password: "another staple horse" });
    expect(again.statusCode).toBe(200);
    const lines = JSON.stringify(logLines);
    expect(lines).toContain("/auth/reset-password/***");
    expect(lines).not.toContain(token);
  });

  it("is not replaced by a link whose time is over", async () => {
    const email = "gil@example.com";
    const gil = await service.signIn(email);
    await gil.post("/auth/request-password-reset", { email, redirectTo: "/new" });
    await expect.poll(() => inbox.countOf(email)).toBe(2);
    const link = await inbox.linkTo(email);
    const landing = await gil.get(link.pathname + link.search);
    const token = new URL(String(landing.headers.location)).searchParams.get("token");
    await getSqlDb(service.app)
      .db.update(authVerifications)
      .set({ expiresAt: new Date(Date.now() - 1000) });
    const late = await gil.post("/auth/reset-password", { token, newPassword: "another staple horse" });
    expect([late.statusCode, late.json().code]).toEqual([400, "invalid_token"]);
    expect((await gil.get("/me")).statusCode).toBe(200);
  });
});

describe("guessing", () => {
  it.each(["gus@example.com", "nobody@example.com"])("locks %s, whether it exists or not", async (email) => {
    if (email.startsWith("gus")) await service.signUp(email);
    const answers = [];
    for (const spelling of [email, email.toUpperCase(), email, email]) {
      const guesser = service.browser();
      answers.push(
        await guesser.post("/auth/sign-in/email", { email: spelling, password: "wrong wrong wrong" }),
      );
    }
    expect(answers.map((each) => each.statusCode)).toEqual([401, 401, 401, 429]);
    const last = answers.at(-1);
    expect(last?.json().code).toBe("locked");
    expect(Number(last?.headers["retry-after"])).toBeGreaterThan(800);
    const right = await service.browser().post("/auth/sign-in/email", { email, password });
    expect(right.statusCode).toBe(429);
  });

  it("at once is no more than in a row", async () => {
    await service.signUp("hal@example.com");
    const attempts = Array.from({ length: 8 }, (_, index) =>
      service
        .browser()
        .post("/auth/sign-in/email", { email: "hal@example.com", password: `wrong guess ${index}` }),
    );
    const statuses = (await Promise.all(attempts)).map((each) => each.statusCode);
    expect(statuses.filter((each) => each === 401)).toHaveLength(3);
  });

  it("by strangers does not lock out the device of the owner", async () => {
    const email = "ida@example.com";
    const ida = await service.signIn(email);
    for (let count = 0; count < 4; count++) {
      await service.browser().post("/auth/sign-in/email", { email, password: "wrong wrong wrong" });
    }
    expect((await service.browser().post("/auth/sign-in/email", { email, password })).statusCode).toBe(429);
    expect((await ida.post("/auth/sign-in/email", { email, password })).statusCode).toBe(200);
  });

  it("by strangers from many addresses does not keep an owner with a new device out, who reads the mail", async () => {
    const email = "lea@example.com";
    await service.signUp(email);
    const guess = () =>
      service.browser().post("/auth/sign-in/email", { email, password: "wrong wrong wrong" });
    await Promise.all(Array.from({ length: 5 }, guess));
    const lea = service.browser();
    expect((await lea.post("/auth/sign-in/email", { email, password })).statusCode).toBe(429);
    await lea.post("/auth/request-password-reset", { email, redirectTo: "/new" });
    const token = (await inbox.linkTo(email, 2)).pathname.split("/").at(-1);
    const newPassword = "another staple horse";
    expect((await lea.post("/auth/reset-password", { token, newPassword })).statusCode).toBe(200);
    await Promise.all(Array.from({ length: 5 }, guess));
    expect((await lea.post("/auth/sign-in/email", { email, password: newPassword })).statusCode).toBe(200);
  });

  it("is limited for each client alone", async () => {
    const one = service.browser();
    const statuses = [];
    for (let count = 0; count < 31; count++) {
      const body = { email: "no address", password: "x" };
      statuses.push((await one.post("/auth/sign-in/email", body)).statusCode);
    }
    expect(statuses.at(-1)).toBe(429);
    const other = await service
      .browser()
      .post("/auth/sign-in/email", { email: "m@example.com", password: "x" });
    expect(other.statusCode).toBe(401);
  });
});

describe("the log", () => {
  it("has one line for each security event, with its actor and outcome and without an address", async () => {
    await service.signIn("joe@example.com");
    const events = logLines.filter(({ msg }) => msg === "security event");
    expect(events.at(-1)).toMatchObject({ event: "sign-in/email", outcome: "done", status: 200 });
    expect(events.find(({ outcome }) => outcome === "locked")).toMatchObject({ event: "sign-in/email" });
    expect(JSON.stringify(events)).not.toContain("@example.com");
    expect(JSON.stringify(logLines)).not.toContain(password);
  });
});
