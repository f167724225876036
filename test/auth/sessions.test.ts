import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getTableName, isTable } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as tables from "#dist/auth/schema.js";
import { AuthService, password, secret } from "./auth-service.js";
import type { Browser } from "./browser.js";
import { Inbox } from "./inbox.js";
import { codeOf, timelyCodeOf } from "./totp.js";

let inbox: Inbox;

beforeAll(async () => {
  inbox = await Inbox.start();
});

afterAll(() => inbox.stop());

const run = (service: AuthService, statement: string) =>
  service.app.sql.withConnection((connection) => connection.query(statement));

/** The same browser before another process of the service. */
function at(service: AuthService, browser: Browser): Browser {
  const next = service.browser();
  for (const [name, value] of browser.cookies) next.cookies.set(name, value);
  return next;
}

describe("a new secret", () => {
  it("signs from now on, while the old one still verifies; without it, what it signed is over", async () => {
    const folder = mkdtempSync(join(tmpdir(), "svc-infra-secrets-"));
    const databaseUrl = `pglite:${folder}`;
    const newest = "the-newest-secret-of-the-tests-of-32-characters";
    const before = await AuthService.start(inbox, { databaseUrl });
    const ann = await before.signIn("ann@example.com");
    const { totpURI } = (await ann.post("/auth/two-factor/enable", { password })).json();
    const code = { code: await timelyCodeOf(totpURI, -1) };
    expect((await ann.post("/auth/two-factor/verify-totp", code)).statusCode).toBe(200);
    await before.browser().post("/auth/sign-up/email", { email: "new@example.com", password, name: "New" });
    const link = await inbox.linkTo("new@example.com");
    await before.stop();

    const options = { databaseUrl, isFilled: true };
    const during = await AuthService.start(inbox, { ...options, secret: `${newest},${secret}` });
    const there = at(during, ann);
    expect((await there.get("/me")).statusCode).toBe(200);
    expect((await there.get("/auth/list-accounts")).statusCode).toBe(200);
    const phone = during.browser();
    const followed = await phone.get(link.pathname + link.search);
    expect([followed.statusCode, followed.headers.location]).toEqual([302, "/"]);
    await phone.post("/auth/sign-in/email", { email: "new@example.com", password });
    expect((await phone.get("/me")).json().email).toBe("new@example.com");
    // A second use changes nothing.
    const again = await during.browser().get(link.pathname + link.search);
    expect([again.statusCode, again.headers.location, again.headers["set-cookie"]]).toEqual([
      302,
      "/",
      undefined,
    ]);
    await phone.post("/auth/sign-in/email", { email: "ann@example.com", password });
    const second = await phone.post("/auth/two-factor/verify-totp", { code: codeOf(totpURI) });
    expect(second.statusCode).toBe(200);
    await during.stop();

    const after = await AuthService.start(inbox, { ...options, secret: newest });
    expect((await at(after, ann).get("/me")).statusCode).toBe(401);
    expect((await at(after, phone).get("/me")).statusCode).toBe(200);
    await after.stop();
    rmSync(folder, { recursive: true, force: true });
  });
});

describe("a session", () => {
  let service: AuthService;
  const logLines: Record<string, unknown>[] = [];

  beforeAll(async () => {
    service = await AuthService.start(inbox, { logLines, sessionIdleMinutes: 60, sessionMaxDays: 30 });
  });

  afterAll(() => service.stop());

  it("is extended by use, and ends when it was not used for long enough", async () => {
    const ben = await service.signIn("ben@example.com");
    await run(service, "update svc_infra_auth_sessions set expires_at = now() + interval '40 minutes'");
    const used = await ben.get("/me");
    expect([used.headers["set-cookie"] ?? []].flat().join()).toContain("auth.session_token=");
    const [row] = await run(
      service,
      "select expires_at > now() + interval '59 minutes' as is from svc_infra_auth_sessions",
    );
    expect(Object(row).is).toBe(true);
    expect((await ben.get("/me")).headers["set-cookie"]).toBeUndefined();
    await run(service, "update svc_infra_auth_sessions set expires_at = now() - interval '1 second'");
    expect((await ben.get("/me")).statusCode).toBe(401);
    expect((await ben.get("/auth/list-accounts")).statusCode).toBe(401);
  });

  it("ends after its longest time, however it was used", async () => {
    const cat = await service.signIn("cat@example.com");
    await run(service, "update svc_infra_auth_sessions set created_at = now() - interval '29 days'");
    expect((await cat.get("/me")).statusCode).toBe(200);
    await run(service, "update svc_infra_auth_sessions set created_at = now() - interval '31 days'");
    expect((await cat.get("/auth/list-accounts")).statusCode).toBe(401);
    expect((await cat.get("/me")).statusCode).toBe(401);
  });

  it("and all that is done with it is one line of the log for each event, with actor and outcome", async () => {
    logLines.length = 0;
    const dan = await service.signIn("dan@example.com");
    const { id } = (await dan.get("/me")).json();
    const guesser = service.browser();
    await guesser.post("/auth/sign-in/email", { email: "dan@example.com", password: "wrong wrong wrong" });
    await dan.post("/auth/two-factor/enable", { password });
    await dan.post("/auth/two-factor/verify-totp", { code: "000000" });
    await dan.post("/auth/organization/create", { name: "Den", slug: "den" });
    const key = (await dan.post("/auth/api-keys", { name: "robot", scopes: [] })).json();
    await service.browser().post("/auth/api-keys", { name: "x", scopes: [] }, { "x-api-key": key.key });
    await dan.delete(`/auth/api-keys/${key.id}`);
    await dan.delete(`/auth/api-keys/${key.id}`);
    await dan.post(`/auth/api-keys/${key.id}/rotate`, {});
    await service.browser().get("/me", { "x-api-key": key.key });
    await service.browser().get("/me", { authorization: "Bearer svca_wrong" });
    await dan.delete("/auth/sessions/unknown");
    await dan.delete("/auth/sessions");
    const again = await dan.post("/auth/sign-in/email", { email: "dan@example.com", password });
    const pair = (await dan.post("/auth/tokens", { session: again.json().token })).json();
    for (let use = 0; use < 2; use++) {
      await dan.post("/auth/tokens/refresh", { refreshToken: pair.refreshToken });
    }
    await dan.post("/auth/tokens/revoke", { refreshToken: "svcr_unknown" });
    const events = logLines.filter(({ msg }) => msg === "security event");
    const told = events.map(({ event, outcome, actor }) => [event, outcome, actor === id ? "dan" : actor]);
    const hashed = expect.stringMatching(/^address [0-9a-f]{12}$/);
    expect(told).toEqual([
      ["sign-up/email", "done", "dan"],
      ["verify-email", "done", hashed],
      ["sign-in/email", "done", "dan"],
      ["sign-in/email", "invalid_email_or_password", hashed],
      ["two-factor/enable", "done", "dan"],
      ["two-factor/verify-totp", "invalid_code", "dan"],
      ["organization/create", "done", "dan"],
      ["api-key/create", "done", "dan"],
      ["api-key/create", "needs_session", "dan"],
      ["api-key/revoke", "done", "dan"],
      ["api-key/revoke", "not_found", "dan"],
      ["api-key/rotate", "not_found", "dan"],
      ["api-key", "unknown", undefined],
      ["access-token", "unknown", undefined],
      ["session/revoke", "not_found", "dan"],
      ["session/revoke-others", "done", "dan"],
      ["sign-in/email", "done", "dan"],
      ["tokens", "done", "dan"],
      ["tokens/refresh", "done", "dan"],
      ["tokens/refresh", "reused", "dan"],
      ["tokens/revoke", "unknown", undefined],
    ]);
    for (const { address } of events) expect(address).toMatch(/^10\./);
  });
});

it("no table is named user, and each of the kit's begins with its name", () => {
  const names = Object.values(tables)
    .filter((each) => isTable(each))
    .map(getTableName);
  expect(names).toContain("svc_infra_auth_users");
  for (const name of names) expect(name).toMatch(/^svc_infra_auth_[a-z_]+$/);
});
