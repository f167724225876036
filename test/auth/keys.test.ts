import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthService, password } from "./auth-service.js";
import type { Browser } from "./browser.js";
import { Inbox } from "./inbox.js";

let inbox: Inbox;
let service: AuthService;
let ann: Browser;

beforeAll(async () => {
  inbox = await Inbox.start();
  service = await AuthService.start(inbox);
  ann = await service.signIn("ann@example.com");
});

afterAll(async () => {
  await service.stop();
  await inbox.stop();
});

async function makeKey(owner: Browser, scopes: readonly string[]) {
  const answer = await owner.post("/auth/api-keys", { name: "robot", scopes });
  expect(answer.statusCode).toBe(201);
  expect(answer.headers["cache-control"]).toBe("no-store");
  return answer.json();
}

function callWith(key: string, url = "/me") {
  return service.browser().get(url, { authorization: `Bearer ${key}` });
}

describe("an API key", () => {
  it("acts for its user, and is told once", async () => {
    const { id, key, prefix } = await makeKey(ann, ["reports:read"]);
    expect(key.startsWith(prefix)).toBe(true);
    const me = await callWith(key);
    expect(me.json()).toMatchObject({ email: "ann@example.com", apiKey: { id, scopes: ["reports:read"] } });
    expect(me.json().session).toBeUndefined();
    expect((await service.browser().get("/me", { "x-api-key": key })).statusCode).toBe(200);
    const list = await ann.get("/auth/api-keys");
    expect(list.body).not.toContain(key);
    expect(list.json().find((each: { id: string }) => each.id === id).lastUsedAt).not.toBeNull();
  });

  it("reaches what its scopes name, and a user who is signed in everything", async () => {
    const { key } = await makeKey(ann, ["reports:write"]);
    const refused = await callWith(key, "/reports");
    expect([refused.statusCode, refused.json().code]).toEqual([403, "missing_scope"]);
    const { key: right } = await makeKey(ann, ["reports:read"]);
    expect((await callWith(right, "/reports")).statusCode).toBe(200);
    expect((await ann.get("/reports")).statusCode).toBe(200);
  });

  it("cannot make keys, step up, or be fresh", async () => {
    const { key } = await makeKey(ann, []);
    const headers = { authorization: `Bearer ${key}` };
    const made = await service.browser().post("/auth/api-keys", { name: "next", scopes: [] }, headers);
    expect([made.statusCode, made.json().code]).toEqual([403, "needs_session"]);
    expect((await callWith(key, "/step-up")).statusCode).toBe(403);
    expect((await callWith(key, "/fresh")).statusCode).toBe(401);
  });

  it("ends when it is revoked, by its user alone", async () => {
    const { id, key } = await makeKey(ann, []);
    const ben = await service.signIn("ben@example.com");
    expect((await ben.delete(`/auth/api-keys/${id}`)).statusCode).toBe(404);
    expect((await callWith(key)).statusCode).toBe(200);
    expect((await ann.delete(`/auth/api-keys/${id}`)).statusCode).toBe(204);
    expect((await callWith(key)).statusCode).toBe(401);
  });

  it("is rotated: the old one works for the overlap", async () => {
    const { id, key } = await makeKey(ann, ["reports:read"]);
    const next = (await ann.post(`/auth/api-keys/${id}/rotate`, { overlapMinutes: 5 })).json();
    expect(next.scopes).toEqual(["reports:read"]);
    expect((await callWith(key)).statusCode).toBe(200);
    await ann.post(`/auth/api-keys/${next.id}/rotate`, { overlapMinutes: 0 });
    expect((await callWith(next.key)).statusCode).toBe(401);
    const again = await ann.post(`/auth/api-keys/${next.id}/rotate`, {});
    expect(again.statusCode).toBe(404);
  });

  it("is replaced once, also when two ask for it at the same time", async () => {
    const { id } = await makeKey(ann, []);
    const rotate = () => ann.post(`/auth/api-keys/${id}/rotate`, { overlapMinutes: 5 });
    const answers = await Promise.all([rotate(), rotate(), rotate()]);
    expect(answers.map((each) => each.statusCode).sort()).toEqual([201, 404, 404]);
    const list: { id: string; replacedAt: string | null }[] = (await ann.get("/auth/api-keys")).json();
    expect(list.find((each) => each.id === id)?.replacedAt).not.toBeNull();
  });

  it("that does not work is not made up for by a cookie", async () => {
    expect((await ann.get("/me", { "x-api-key": "svck_wrong" })).statusCode).toBe(401);
  });

  it("is stored as a hash", async () => {
    const { key } = await makeKey(ann, []);
    const rows = await service.app.sql.withConnection((connection) =>
      connection.query("select * from svc_infra_auth_api_keys"),
    );
    expect(JSON.stringify(rows)).not.toContain(key);
  });

  it.each([
    { name: 5, scopes: [] },
    { name: "x", scopes: "reports:read" },
    { name: "x", scopes: ["NO"] },
    { name: "x", scopes: [], admin: true },
  ])("is not made from %j", async (body) => {
    const answer = await ann.post("/auth/api-keys", body);
    expect([answer.statusCode, answer.json().code]).toEqual([400, "bad_request"]);
  });
});

describe("a client without cookies", () => {
  async function signIn() {
    const answer = await service
      .browser()
      .post("/auth/sign-in/email", { email: "ann@example.com", password });
    const pair = await service.browser().post("/auth/tokens", { session: answer.json().token });
    expect(pair.statusCode).toBe(200);
    return { ...pair.json(), session: answer.json().token };
  }

  const refresh = (refreshToken: string) => service.browser().post("/auth/tokens/refresh", { refreshToken });

  it("has an access token and a refresh token for a sign-in, once", async () => {
    const { accessToken, expiresIn, session } = await signIn();
    expect(expiresIn).toBe(600);
    expect((await callWith(accessToken)).json()).toMatchObject({
      email: "ann@example.com",
      session: { factor: 1 },
    });
    expect((await service.browser().post("/auth/tokens", { session })).statusCode).toBe(401);
  });

  it("proves the sign-in by its signature: a token that was read elsewhere is none", async () => {
    const browser = service.browser();
    const { token } = (
      await browser.post("/auth/sign-in/email", { email: "ann@example.com", password })
    ).json();
    expect(decodeURIComponent(browser.cookies.get("auth.session_token") ?? "")).toBe(token);
    const raw = token.split(".")[0];
    const { id } = (await browser.get("/me")).json().session;
    const [row] = await service.app.sql.withConnection((connection) =>
      connection.query(`select token from svc_infra_auth_sessions where id = '${id}'`),
    );
    const stored = String(Object(row).token);
    expect(stored).not.toBe(raw);
    for (const session of [raw, stored, `${stored}.${token.split(".")[1]}`]) {
      expect((await service.browser().post("/auth/tokens", { session })).statusCode).toBe(401);
    }
    expect((await browser.get("/me")).statusCode).toBe(200);
    for (const [path, status] of [
      ["get-session", 200],
      ["sessions", 200],
      ["list-accounts", 200],
      ["list-sessions", 404],
    ] as const) {
      const answer = await browser.get(`/auth/${path}`);
      expect([path, answer.statusCode]).toEqual([path, status]);
      expect(answer.body).not.toContain(raw);
      expect(answer.body).not.toContain(stored);
    }
    expect((await browser.post("/auth/revoke-other-sessions", {})).statusCode).toBe(404);
  });

  it("is listed beside sessions, and ended one by one", async () => {
    const [one, other] = [await signIn(), await signIn()];
    const headers = { authorization: `Bearer ${one.accessToken}` };
    const list = (await service.browser().get("/auth/sessions", headers)).json();
    const families = list.filter(({ kind }: { kind: string }) => kind === "tokens");
    const { id } = families.find(({ isCurrent }: { isCurrent: boolean }) => isCurrent);
    expect(families[0]).toMatchObject({ factor: 1, userAgent: "lightMyRequest" });
    const stranger = await service.signIn("families@example.com");
    expect((await stranger.delete(`/auth/sessions/${id}`)).statusCode).toBe(404);
    expect((await ann.delete(`/auth/sessions/${id}`)).statusCode).toBe(204);
    expect((await callWith(one.accessToken)).statusCode).toBe(401);
    expect((await refresh(one.refreshToken)).statusCode).toBe(401);
    expect((await callWith(other.accessToken)).statusCode).toBe(200);
    expect((await ann.delete("/auth/sessions")).statusCode).toBe(204);
    expect((await callWith(other.accessToken)).statusCode).toBe(401);
    expect((await ann.get("/auth/sessions")).json()).toHaveLength(1);
  });

  it("that did not refresh for the idle time is over, and a late second use still ends the family", async () => {
    const first = await signIn();
    const idle = "update svc_infra_auth_tokens set expires_at = now() - interval '1 second'";
    const run = (statement: string) =>
      service.app.sql.withConnection((connection) => connection.run(statement));
    const inSevenDays = await service.app.sql.withConnection((connection) =>
      connection.query(
        `select 1 from svc_infra_auth_tokens where used_at is null
         and abs(extract(epoch from expires_at - now()) - 7 * 86400) < 60`,
      ),
    );
    expect(inSevenDays.length).toBeGreaterThan(0);
    const second = (await refresh(first.refreshToken)).json();
    await run(`${idle} where used_at is not null`);
    await signIn();
    expect((await refresh(first.refreshToken)).statusCode).toBe(401);
    expect((await callWith(second.accessToken)).statusCode).toBe(401);
    const third = await signIn();
    await run(idle);
    expect((await callWith(third.accessToken)).statusCode).toBe(401);
    expect((await refresh(third.refreshToken)).statusCode).toBe(401);
  });

  it("replaces a refresh token by using it", async () => {
    const first = await signIn();
    const second = (await refresh(first.refreshToken)).json();
    expect((await callWith(second.accessToken)).statusCode).toBe(200);
    expect((await refresh(second.refreshToken)).statusCode).toBe(200);
  });

  it("loses the whole family when a refresh token is used twice, the copy of a thief too", async () => {
    const first = await signIn();
    const second = (await refresh(first.refreshToken)).json();
    const thief = await refresh(first.refreshToken);
    expect([thief.statusCode, thief.json().code]).toEqual([401, "invalid_token"]);
    for (const { accessToken } of [first, second]) expect((await callWith(accessToken)).statusCode).toBe(401);
    expect((await refresh(second.refreshToken)).statusCode).toBe(401);
  });

  it("loses the family, too, when both uses come at once", async () => {
    const { refreshToken } = await signIn();
    const answers = await Promise.all([refresh(refreshToken), refresh(refreshToken)]);
    expect(answers.map((each) => each.statusCode).sort()).toEqual([200, 401]);
    const { accessToken } = answers.find((each) => each.statusCode === 200)?.json() ?? {};
    expect((await callWith(accessToken)).statusCode).toBe(401);
  });

  it("ends its tokens itself, and with a new password", async () => {
    const one = await signIn();
    expect(
      (await service.browser().post("/auth/tokens/revoke", { refreshToken: one.refreshToken })).statusCode,
    ).toBe(204);
    expect((await callWith(one.accessToken)).statusCode).toBe(401);
    const other = await signIn();
    await ann.post("/auth/change-password", {
      currentPassword: password,
      newPassword: "another staple horse",
    });
    expect((await callWith(other.accessToken)).statusCode).toBe(401);
    await ann.post("/auth/change-password", {
      currentPassword: "another staple horse",
      newPassword: password,
    });
  });
});
