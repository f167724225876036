import Fastify from "fastify";
import { addAuthUsers } from "svc-infra/auth";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PostgresRig, startPostgres } from "../rigs/postgres.js";
import { AuthService, secret } from "./auth-service.js";
import type { Browser } from "./browser.js";
import { client, IdentityProvider } from "./identity-provider.js";
import { Inbox } from "./inbox.js";

const origin = "http://localhost:3000";
const logLines: Record<string, unknown>[] = [];
let inbox: Inbox;
let idp: IdentityProvider;
let other: IdentityProvider;
let service: AuthService;

/** What sign-ins with providers must do on both databases, wherever the service runs. */
export function testProviders(env: Readonly<Record<string, string>>): void {
  let rig: PostgresRig;
  beforeAll(async () => {
    rig = await startPostgres();
  });
  afterAll(() => rig.stop());

  describe.each([
    ["PGlite", async () => "pglite:memory"],
    ["PostgreSQL", () => rig.createDatabase()],
  ])("on %s", (_name, url) => {
    beforeAll(async () => start(await url(), env));
    afterAll(stop);
    testSignIns();
  });
  testSettings();
}

async function start(databaseUrl: string, env: Readonly<Record<string, string>>): Promise<void> {
  inbox = await Inbox.start();
  idp = await IdentityProvider.start([`${origin}/auth/callback/company`]);
  other = await IdentityProvider.start([`${origin}/auth/callback/other`]);
  service = await AuthService.start(inbox, {
    databaseUrl,
    logLines,
    env: {
      ...env,
      AUTH_SECRET: secret,
      AUTH_OIDC_NAME: "company",
      AUTH_OIDC_DISCOVERY_URL: idp.discoveryUrl,
      AUTH_OIDC_CLIENT_ID: client.clientId,
      AUTH_OIDC_CLIENT_SECRET: client.clientSecret,
      AUTH_GOOGLE_CLIENT_ID: "google-id",
      AUTH_GOOGLE_CLIENT_SECRET: "google-secret",
      AUTH_GITHUB_CLIENT_ID: "github-id",
      AUTH_GITHUB_CLIENT_SECRET: "github-secret",
      AUTH_MICROSOFT_CLIENT_ID: "microsoft-id",
      AUTH_MICROSOFT_CLIENT_SECRET: "microsoft-secret",
    },
    oidcProviders: [{ name: "other", discoveryUrl: other.discoveryUrl, ...client }],
  });
}

async function stop(): Promise<void> {
  await service?.stop();
  await Promise.all([idp, other, inbox].map((each) => each?.stop()));
}

/** Where the browser is sent to. */
async function begin(browser: Browser, provider = "company", callbackURL = "/welcome"): Promise<URL> {
  const answer = await browser.post("/auth/sign-in/social", { provider, callbackURL });
  expect(answer.statusCode, answer.body).toBe(200);
  return new URL(answer.json().url);
}

async function finish(browser: Browser, callback: URL): Promise<string> {
  const answer = await browser.get(callback.pathname + callback.search);
  expect(answer.statusCode, answer.body).toBe(302);
  return String(answer.headers.location);
}

async function signIn(browser: Browser, identity: IdentityProvider["identity"]): Promise<string> {
  idp.identity = identity;
  return finish(browser, await idp.authorize((await begin(browser)).href));
}

function errorOf(location: string): string | null {
  return new URL(location, origin).searchParams.get("error");
}

function testSignIns(): void {
  test("a user signs in with an identity provider, and is the same user the next time", async () => {
    const identity = { id: "ada", email: "ada@example.com", isVerified: true };
    const first = service.browser();
    expect(await signIn(first, identity)).toBe("/welcome");
    const me = (await first.get("/me")).json();
    expect(me).toMatchObject({ email: "ada@example.com", name: "ada" });
    const again = service.browser();
    await signIn(again, identity);
    expect((await again.get("/me")).json().id).toBe(me.id);
    expect(logLines).toContainEqual(expect.objectContaining({ event: "callback/company", outcome: "done" }));
  });

  test("a sign-in is bound to its browser by state, nonce and a PKCE challenge (RFC 9700 §2.1)", async () => {
    const url = await begin(service.browser());
    expect(url.searchParams.get("code_challenge_method")).toBe("S256");
    for (const name of ["state", "nonce", "code_challenge"]) {
      expect(url.searchParams.get(name)?.length, name).toBeGreaterThan(20);
    }
    expect(url.searchParams.get("redirect_uri")).toBe(`${origin}/auth/callback/company`);
  });

  test("an address that the provider does not vouch for opens no account", async () => {
    const browser = service.browser();
    const location = await signIn(browser, { id: "eve", email: "eve@example.com", isVerified: false });
    expect(errorOf(location)).toBe("email_not_verified");
    expect((await browser.get("/me")).statusCode).toBe(401);
    expect(logLines).toContainEqual(
      expect.objectContaining({ event: "callback/company", outcome: "email_not_verified" }),
    );
  });

  test("an account is linked by a verified address to the user who confirmed it, and by no other", async () => {
    const owner = await service.signIn("bob@example.com");
    const { id } = (await owner.get("/me")).json();
    const thief = service.browser();
    const refused = await signIn(thief, { id: "not-bob", email: "bob@example.com", isVerified: false });
    expect(errorOf(refused)).not.toBeNull();
    expect((await thief.get("/me")).statusCode).toBe(401);
    const browser = service.browser();
    await signIn(browser, { id: "bob", email: "bob@example.com", isVerified: true });
    expect((await browser.get("/me")).json().id).toBe(id);
  });

  test("an account that was opened with an address and never confirmed is not linked: its password is a stranger's", async () => {
    const stranger = service.browser();
    await stranger.post("/auth/sign-up/email", {
      email: "carol@example.com",
      password: "correct staple horse 7",
      name: "x",
    });
    const carol = service.browser();
    const location = await signIn(carol, { id: "carol", email: "carol@example.com", isVerified: true });
    expect(errorOf(location)).toBe("account_not_linked");
    expect((await carol.get("/me")).statusCode).toBe(401);
  });

  test("the session of a provider has one factor: what needs a second one is refused", async () => {
    const browser = service.browser();
    await signIn(browser, { id: "dan", email: "dan@example.com", isVerified: true });
    expect((await browser.get("/step-up")).json().code).toBe("second_factor_required");
  });

  test("a callback without the state of this browser signs no user in", async () => {
    idp.identity = { id: "ada", email: "ada@example.com", isVerified: true };
    const attacker = service.browser();
    const callback = await idp.authorize((await begin(attacker)).href);
    const victim = service.browser();
    expect(errorOf(await finish(victim, callback))).toBe("state_mismatch");
    await begin(victim);
    expect(errorOf(await finish(victim, callback))).toBe("state_mismatch");
    expect((await victim.get("/me")).statusCode).toBe(401);
  });

  test("a code that was used works no more, also with the state of a new sign-in", async () => {
    idp.identity = { id: "ada", email: "ada@example.com", isVerified: true };
    const browser = service.browser();
    const callback = await idp.authorize((await begin(browser)).href);
    expect(await finish(browser, callback)).toBe("/welcome");
    expect(errorOf(await finish(service.browser(), callback))).toBe("state_mismatch");
    const replay = service.browser();
    const state = (await begin(replay)).searchParams.get("state") ?? "";
    callback.searchParams.set("state", state);
    expect(errorOf(await finish(replay, callback))).toBe("invalid_code");
    expect((await replay.get("/me")).statusCode).toBe(401);
  });

  test("a code that was given for another nonce is refused", async () => {
    idp.identity = { id: "ada", email: "ada@example.com", isVerified: true };
    const browser = service.browser();
    const url = await begin(browser);
    url.searchParams.set("nonce", "of-another-sign-in-of-this-client");
    const location = await finish(browser, await idp.authorize(url.href));
    expect(errorOf(location)).toBe("unable_to_get_user_info");
    expect((await browser.get("/me")).statusCode).toBe(401);
  });

  test("an answer that names another issuer is refused before its code is sent anywhere (RFC 9207)", async () => {
    idp.identity = { id: "ada", email: "ada@example.com", isVerified: true };
    const browser = service.browser();
    const callback = await idp.authorize((await begin(browser)).href);
    expect(callback.searchParams.get("iss")).toBe(idp.issuer);
    callback.searchParams.set("iss", other.issuer);
    const before = idp.exchanges + other.exchanges;
    expect(errorOf(await finish(browser, callback))).toBe("issuer_mismatch");
    expect(idp.exchanges + other.exchanges).toBe(before);
  });

  test("a code of one provider is not taken for another's", async () => {
    idp.identity = { id: "ada", email: "ada@example.com", isVerified: true };
    const browser = service.browser();
    const callback = await idp.authorize((await begin(browser)).href);
    callback.pathname = "/auth/callback/other";
    callback.searchParams.delete("iss");
    expect(errorOf(await finish(browser, callback))).not.toBeNull();
    expect((await browser.get("/me")).statusCode).toBe(401);
  });

  test("an account of one provider is not another's with the same id", async () => {
    const browser = service.browser();
    await signIn(browser, { id: "frank", email: "frank@example.com", isVerified: true });
    const { id } = (await browser.get("/me")).json();
    other.identity = { id: "frank", email: "another-frank@example.com", isVerified: true };
    const second = service.browser();
    await finish(second, await other.authorize((await begin(second, "other")).href));
    const me = (await second.get("/me")).json();
    expect(me.email).toBe("another-frank@example.com");
    expect(me.id).not.toBe(id);
  });

  test("a token of the provider alone signs no user in", async () => {
    const answer = await service.browser().post("/auth/sign-in/social", {
      provider: "company",
      idToken: { token: "eyJhbGciOiJub25lIn0.e30." },
    });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().code).toBe("id_token_refused");
  });

  test.each([
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "https:evil.example",
    "https:/evil.example",
    "HTTPS://evil.example",
    "http://localhost:3000@evil.example/",
    "http://localhost:3000.evil.example/",
    "http://localhost:30001/",
    "http://evil.example/http://localhost:3000",
    "http://evil.example#http://localhost:3000",
    "http://evil.example?http://localhost:3000",
    "javascript:alert(1)",
    "data:text/html,x",
    "%2f%2fevil.example",
    "/%2f/evil.example",
    " https://evil.example",
  ])("a sign-in leads back to no other origin: %j", async (callbackURL) => {
    for (const name of ["callbackURL", "errorCallbackURL", "newUserCallbackURL"]) {
      const answer = await service
        .browser()
        .post("/auth/sign-in/social", { provider: "company", [name]: callbackURL });
      expect(answer.statusCode, `${name}: ${answer.body}`).toBe(403);
    }
  });

  test("the built-in providers send the browser to their own pages, with state and PKCE", async () => {
    const hosts = {
      google: "accounts.google.com",
      github: "github.com",
      microsoft: "login.microsoftonline.com",
    };
    for (const [provider, host] of Object.entries(hosts)) {
      const url = await begin(service.browser(), provider);
      expect(url.host).toBe(host);
      expect(url.searchParams.get("client_id")).toBe(`${provider}-id`);
      expect(url.searchParams.get("redirect_uri")).toBe(`${origin}/auth/callback/${provider}`);
      expect(url.searchParams.get("state")?.length, provider).toBeGreaterThan(20);
      expect(url.searchParams.get("code_challenge")?.length, provider).toBeGreaterThan(20);
    }
  });

  test("a failure that no page asked for is a problem document", async () => {
    const answer = await service.browser().get("/auth/callback/company?state=unknown&code=x");
    const location = new URL(String(answer.headers.location), origin);
    const problem = await service.browser().get(location.pathname + location.search);
    expect(problem.statusCode).toBe(400);
    expect(problem.headers["content-type"]).toBe("application/problem+json");
    expect(problem.json().code).toBe("state_mismatch");
  });
}

function testSettings(): void {
  test.each([
    [{ AUTH_GOOGLE_CLIENT_ID: "x" }, "AUTH_GOOGLE_CLIENT_SECRET: is not set, but AUTH_GOOGLE_CLIENT_ID is"],
    [
      { AUTH_GITHUB_CLIENT_SECRET: "hidden-one" },
      "AUTH_GITHUB_CLIENT_ID: is not set, but AUTH_GITHUB_CLIENT_SECRET is",
    ],
    [
      { AUTH_OIDC_CLIENT_ID: "x", AUTH_OIDC_CLIENT_SECRET: "hidden-one" },
      "AUTH_OIDC_DISCOVERY_URL: is not set, but other variables of the provider are",
    ],
    [
      { AUTH_OIDC_DISCOVERY_URL: "https://id.example.com/d" },
      "AUTH_OIDC_CLIENT_ID: is not set, but other variables of the provider are",
    ],
    [
      {
        AUTH_OIDC_DISCOVERY_URL: "http://id.example.com/d",
        AUTH_OIDC_CLIENT_ID: "x",
        AUTH_OIDC_CLIENT_SECRET: "hidden-one",
      },
      "AUTH_OIDC_DISCOVERY_URL: must be an https URL",
    ],
  ])("half a provider is an error that names what is missing: %j", async (env, message) => {
    const failing = addAuthUsers(Fastify(), { env });
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.not.toThrow("hidden-one");
  });
}
