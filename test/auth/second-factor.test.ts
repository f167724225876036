import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Guards } from "#dist/auth/library/guards.js";
import { AuthService, password } from "./auth-service.js";
import type { Browser } from "./browser.js";
import { Inbox } from "./inbox.js";
import { codeOf, timelyCodeOf } from "./totp.js";

let inbox: Inbox;
let service: AuthService;

beforeAll(async () => {
  inbox = await Inbox.start();
  service = await AuthService.start(inbox, { lockoutMaxAttempts: 4 });
});

afterAll(async () => {
  await service.stop();
  await inbox.stop();
});

async function enroll(email: string) {
  const browser = await service.signIn(email);
  const enabled = await browser.post("/auth/two-factor/enable", { password });
  expect(enabled.statusCode).toBe(200);
  const { totpURI, backupCodes } = enabled.json();
  const before = sessionCookie(browser);
  const verified = await browser.post("/auth/two-factor/verify-totp", {
    code: await timelyCodeOf(totpURI, -1),
  });
  expect(verified.statusCode).toBe(200);
  expect(sessionCookie(browser)).not.toBe(before);
  return { browser, totpURI, backupCodes };
}

function sessionCookie(browser: Browser): string | undefined {
  return browser.cookies.get("auth.session_token");
}

async function challenge(email: string): Promise<Browser> {
  const browser = service.browser();
  const answer = await browser.post("/auth/sign-in/email", { email, password });
  expect(answer.json()).toMatchObject({ twoFactorRedirect: true });
  expect((await browser.get("/me")).statusCode).toBe(401);
  return browser;
}

describe("a second factor", () => {
  it("is asked for at sign-in, and passes what asks for two", async () => {
    const { browser, totpURI } = await enroll("ann@example.com");
    expect((await browser.get("/step-up")).statusCode).toBe(200);
    const next = await challenge("ann@example.com");
    expect((await next.post("/auth/two-factor/verify-totp", { code: codeOf(totpURI) })).statusCode).toBe(200);
    expect((await next.get("/step-up")).json().session.factor).toBe(2);
  });

  it("is not there for a user without one", async () => {
    const plain = await service.signIn("plain@example.com");
    const answer = await plain.get("/step-up");
    expect([answer.statusCode, answer.json().code]).toEqual([403, "second_factor_required"]);
  });

  it("by the same code works once", async () => {
    const { totpURI } = await enroll("ben@example.com");
    const code = codeOf(totpURI);
    const first = await challenge("ben@example.com");
    expect((await first.post("/auth/two-factor/verify-totp", { code })).statusCode).toBe(200);
    const second = await challenge("ben@example.com");
    const replayed = await second.post("/auth/two-factor/verify-totp", { code });
    expect([replayed.statusCode, replayed.json().code]).toEqual([401, "invalid_code"]);
    expect((await second.get("/me")).statusCode).toBe(401);
    expect((await first.post("/auth/two-factor/verify-totp", { code })).statusCode).toBe(401);
  });

  it("is not asked for on a trusted device, which a used code does not make", async () => {
    const email = "bob@example.com";
    const { totpURI } = await enroll(email);
    const code = codeOf(totpURI);
    const signInAgain = async (browser: Browser) => {
      await browser.post("/auth/two-factor/verify-totp", { code, trustDevice: true });
      return (await browser.post("/auth/sign-in/email", { email, password })).json().twoFactorRedirect;
    };
    expect(await signInAgain(await challenge(email))).toBeUndefined();
    expect(await signInAgain(await challenge(email))).toBe(true);
  });

  it("by a recovery code works once, and the database has no code", async () => {
    const { backupCodes } = await enroll("cat@example.com");
    const [code] = backupCodes;
    const rows = await service.app.sql.withConnection((connection) =>
      connection.query("select backup_codes from svc_infra_auth_two_factors"),
    );
    expect(JSON.stringify(rows)).not.toContain(code);
    const first = await challenge("cat@example.com");
    expect((await first.post("/auth/two-factor/verify-backup-code", { code })).statusCode).toBe(200);
    expect((await first.get("/step-up")).statusCode).toBe(200);
    const second = await challenge("cat@example.com");
    expect((await second.post("/auth/two-factor/verify-backup-code", { code })).statusCode).toBe(401);
    const other = { code: backupCodes[1] };
    expect((await second.post("/auth/two-factor/verify-backup-code", other)).statusCode).toBe(200);
  });

  it("is not guessed with a stolen session", async () => {
    const { browser, totpURI } = await enroll("dan@example.com");
    const codes = [];
    for (let count = 0; count < 5; count++) {
      // Each guess from another address, as the limit of one would refuse it first.
      const thief = service.browser();
      for (const [name, value] of browser.cookies) thief.cookies.set(name, value);
      codes.push((await thief.post("/auth/two-factor/verify-totp", { code: "000000" })).json().code);
    }
    expect(codes).toEqual([...Array(4).fill("invalid_code"), "locked"]);
    const right = await browser.post("/auth/two-factor/verify-totp", { code: codeOf(totpURI, 1) });
    expect(right.json().code).toBe("locked");
  });

  it("cannot be had, or taken away, with the password alone", async () => {
    const { browser, totpURI } = await enroll("fay@example.com");
    const thief = service.browser();
    for (const [name, value] of browser.cookies) thief.cookies.set(name, value);
    // As a sign-in with a provider has it, or one on a trusted device.
    const factor = (count: number) =>
      service.app.sql.withConnection((connection) =>
        connection.run(
          `update svc_infra_auth_sessions set factor = ${count} where user_id =
           (select id from svc_infra_auth_users where email = 'fay@example.com')`,
        ),
      );
    await factor(1);
    for (const route of ["enable", "disable", "generate-backup-codes", "get-totp-uri"]) {
      const answer = await thief.post(`/auth/two-factor/${route}`, { password });
      expect([route, answer.statusCode, answer.json().code]).toEqual([route, 403, "second_factor_required"]);
    }
    await factor(2);
    const told = await browser.post("/auth/two-factor/get-totp-uri", { password });
    expect(told.json().totpURI.split("?")[0]).toBe(totpURI.split("?")[0]);
    expect((await browser.post("/auth/two-factor/disable", { password })).statusCode).toBe(200);
  });

  it("cannot be gone around by a cookie that the library reads and the kit does not", async () => {
    const { browser, totpURI } = await enroll("gil@example.com");
    const name = "auth.session_token";
    const value = sessionCookie(browser) ?? "";
    // The last letter of a signature in Base64 has two bits that count for nothing.
    const sameBytes = value.replace(/.(?=%3D$)/, (letter) => String.fromCharCode(letter.charCodeAt(0) + 1));
    const cookies = [`${name}=${value}; ${name}=${value}`, `${name}="${value}"`, `${name}=${sameBytes}`];
    const calls = {
      "/auth/change-password": { currentPassword: "wrong", newPassword: "other staple horse 8" },
      "/auth/two-factor/verify-totp": { code: codeOf(totpURI, 1) },
      "/auth/two-factor/get-totp-uri": { password },
      "/auth/two-factor/disable": { password },
    };
    for (const cookie of cookies) {
      for (const [url, body] of Object.entries(calls)) {
        const answer = await service.browser().post(url, body, { cookie });
        expect([cookie, url, answer.statusCode]).toEqual([cookie, url, 401]);
      }
    }
    expect((await browser.get("/step-up")).statusCode).toBe(200);
  });

  it("is needed where the kit does not know whose session it is", async () => {
    const guards = new Guards({} as never, {} as never);
    for (const path of ["/two-factor/disable", "/change-password"]) {
      await expect(guards.before({ path, body: {} })).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    }
  });

  it.each(["enable", "disable", "generate-backup-codes", "get-totp-uri"])(
    "is no way to guess the password: %s",
    async (route) => {
      const browser = await service.signIn(`${route}@example.com`);
      const codes = [];
      for (const guess of ["wrong 1", "wrong 2", "wrong 3", "wrong 4", password]) {
        const guesser = service.browser();
        for (const [name, value] of browser.cookies) guesser.cookies.set(name, value);
        codes.push((await guesser.post(`/auth/two-factor/${route}`, { password: guess })).json().code);
      }
      expect(codes.indexOf("locked")).toBe(4);
    },
  );

  it("is not guessed at sign-in", async () => {
    await enroll("eve@example.com");
    const codes = [];
    for (let count = 0; count < 6; count++) {
      const browser = await challenge("eve@example.com");
      for (let guess = 0; guess < 2; guess++) {
        codes.push((await browser.post("/auth/two-factor/verify-totp", { code: "000000" })).json().code);
      }
    }
    expect(codes.at(-1)).toBe("account_temporarily_locked");
  });
});
