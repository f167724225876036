import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PostgresRig, startPostgres } from "../rigs/postgres.js";
import { AuthService, password } from "./auth-service.js";
import type { Browser } from "./browser.js";
import { Inbox } from "./inbox.js";
import { timelyCodeOf } from "./totp.js";

const origin = "https://app.example.com";
const newPassword = "another staple horse";
const wrongPassword = "wrong wrong wrong";

type Verb = "GET" | "POST" | "DELETE";
/** What earlier answers of a flow said. */
type Kept = Record<string, string>;
type Said<T> = T | ((kept: Kept) => T | Promise<T>);

/** One request. The same browser sends all requests of one name. */
interface Step {
  readonly by: string;
  readonly send: readonly [Verb, Said<string>, Said<object>?];
  readonly headers?: Said<Record<string, string>>;
  /** What later steps need of the answer: a name, and where it is in the JSON. */
  readonly keep?: Readonly<Record<string, (answer: never) => string>>;
}

interface Answer extends ReadonlyArray<{ readonly id: string; readonly isCurrent: boolean }> {
  readonly token: string;
  readonly id: string;
  readonly key: string;
  readonly totpURI: string;
  readonly backupCodes: readonly string[];
  readonly accessToken: string;
  readonly refreshToken: string;
}

const step = (
  by: string,
  send: Step["send"],
  keep?: Readonly<Record<string, (answer: Answer) => string>>,
  headers?: Step["headers"],
) => ({ by, send, keep, headers }) as Step;

const idOf = (sessions: Answer, isCurrent: boolean) =>
  sessions.find((each) => each.isCurrent === isCurrent)?.id ?? "";

/** Every flow, as requests; `flows.answers.txt` has the answers, which are the same wherever the service runs. */
function flowsOf(inbox: Inbox): Readonly<Record<string, readonly Step[]>> {
  const link =
    (email: string, count = 1) =>
    async () => {
      const { pathname, search } = await inbox.linkTo(email, count);
      return pathname + search;
    };
  const resetToken = async (email: string) => (await inbox.linkTo(email, 2)).pathname.split("/").at(-1) ?? "";
  const signUp = (by: string) => {
    const email = `${by}@example.com`;
    return [
      step(by, ["POST", "/auth/sign-up/email", { email, password, name: by }]),
      step(by, ["GET", link(email)]),
    ];
  };
  const signIn = (by: string, who = by, word = password) =>
    step(by, ["POST", "/auth/sign-in/email", { email: `${who}@example.com`, password: word }], {
      session: ({ token }) => token,
    });
  const me = (by: string) => step(by, ["GET", "/me"]);
  const enter = (by: string) => [...signUp(by), signIn(by)];
  const bearer = (name: string) => (kept: Kept) => ({ authorization: `Bearer ${kept[name]}` });
  const enable = (by: string) => [
    step(by, ["POST", "/auth/two-factor/enable", { password }], {
      uri: ({ totpURI }) => totpURI,
      code: ({ backupCodes }) => backupCodes[0] ?? "",
    }),
    step(by, [
      "POST",
      "/auth/two-factor/verify-totp",
      async ({ uri = "" }) => ({ code: await timelyCodeOf(uri, -1) }),
    ]),
  ];
  const totp = (by: string) =>
    step(by, [
      "POST",
      "/auth/two-factor/verify-totp",
      async (kept) => {
        kept.used = await timelyCodeOf(kept.uri ?? "");
        return { code: kept.used };
      },
    ]);
  return {
    "sign up, verify, sign in, sign out": [
      step("ann", ["POST", "/auth/sign-up/email", { email: "Ann@Example.com", password, name: "Ann" }]),
      signIn("ann"),
      step("stranger", ["GET", "/auth/verify-email?token=wrong"]),
      step("ann", ["GET", link("ann@example.com")]),
      me("ann"),
      signIn("ann"),
      me("ann"),
      // A second use of the link does nothing.
      step("stranger", ["GET", link("ann@example.com")]),
      me("stranger"),
      step("ann", ["POST", "/auth/sign-out", {}]),
      me("ann"),
    ],
    lock: [
      ...signUp("bob"),
      ...["bob", "nobody"].flatMap((who) => [
        ...[1, 2, 3, 4].map((guess) => signIn(`guesser ${guess}`, who, wrongPassword)),
        signIn("guesser 5", who),
      ]),
    ],
    reset: [
      ...enter("cat"),
      ...["cat", "unknown"].map((who) =>
        step("page", [
          "POST",
          "/auth/request-password-reset",
          { email: `${who}@example.com`, redirectTo: "/new" },
        ]),
      ),
      step("page", ["GET", link("cat@example.com", 2)]),
      ...[newPassword, "a third staple horse"].map((each) =>
        step("page", [
          "POST",
          "/auth/reset-password",
          async () => ({ token: await resetToken("cat@example.com"), newPassword: each }),
        ]),
      ),
      me("cat"),
      signIn("cat"),
      signIn("cat", "cat", newPassword),
      step("cat", [
        "POST",
        "/auth/change-password",
        { currentPassword: wrongPassword, newPassword: password },
      ]),
      step("cat", ["POST", "/auth/change-password", { currentPassword: newPassword, newPassword: password }]),
      me("cat"),
    ],
    "second factor": [
      ...enter("dan"),
      step("dan", ["GET", "/step-up"]),
      ...enable("dan"),
      step("dan", ["GET", "/step-up"]),
      signIn("phone", "dan"),
      me("phone"),
      step("phone", ["POST", "/auth/two-factor/verify-totp", { code: "000000" }]),
      totp("phone"),
      step("phone", ["GET", "/step-up"]),
      signIn("thief", "dan"),
      step("thief", ["POST", "/auth/two-factor/verify-totp", ({ used }) => ({ code: used })]),
      me("thief"),
    ],
    "recovery code": [
      ...enter("eve"),
      ...enable("eve"),
      ...["phone", "thief"].flatMap((by) => [
        signIn(by, "eve"),
        step(by, ["POST", "/auth/two-factor/verify-backup-code", ({ code }) => ({ code })]),
        me(by),
      ]),
    ],
    refresh: [
      ...enter("fay"),
      step("app", ["POST", "/auth/tokens", ({ session }) => ({ session })], {
        access: ({ accessToken }) => accessToken,
        refresh: ({ refreshToken }) => refreshToken,
      }),
      me("fay"),
      step("app", ["GET", "/me"], undefined, bearer("access")),
      step("app", ["POST", "/auth/tokens/refresh", ({ refresh }) => ({ refreshToken: refresh })], {
        access: ({ accessToken }) => accessToken,
        next: ({ refreshToken }) => refreshToken,
      }),
      step("app", ["GET", "/me"], undefined, bearer("access")),
      step("thief", ["POST", "/auth/tokens/refresh", ({ refresh }) => ({ refreshToken: refresh })]),
      step("app", ["GET", "/me"], undefined, bearer("access")),
      step("app", ["POST", "/auth/tokens/refresh", ({ next }) => ({ refreshToken: next })]),
      step("app", ["POST", "/auth/tokens/revoke", ({ next }) => ({ refreshToken: next })]),
    ],
    revoke: [
      ...enter("gus"),
      signIn("phone", "gus"),
      step("gus", ["GET", "/auth/sessions"], {
        other: (all) => idOf(all, false),
      }),
      step("phone", ["GET", "/auth/list-sessions"]),
      step("gus", ["DELETE", ({ other }) => `/auth/sessions/${other}`]),
      step("gus", ["DELETE", ({ other }) => `/auth/sessions/${other}`]),
      me("phone"),
      me("gus"),
      signIn("phone", "gus"),
      step("gus", ["DELETE", "/auth/sessions"]),
      me("phone"),
      me("gus"),
      step("gus", ["POST", "/auth/revoke-sessions", {}]),
      me("gus"),
    ],
    "API key": [
      ...enter("hal"),
      step("hal", ["POST", "/auth/api-keys", { name: "robot", scopes: ["reports:read"], expiresInDays: 7 }], {
        id: ({ id }) => id,
        key: ({ key }) => key,
      }),
      step("hal", ["GET", "/auth/api-keys"]),
      ...["/me", "/reports", "/step-up", "/owners", "/auth/account"].map((url) =>
        step("robot", ["GET", url], undefined, bearer("key")),
      ),
      step("hal", ["POST", ({ id }) => `/auth/api-keys/${id}/rotate`, { overlapMinutes: 0 }], {
        id: ({ id }) => id,
        next: ({ key }) => key,
      }),
      step("robot", ["GET", "/me"], undefined, bearer("key")),
      step("robot", ["GET", "/me"], undefined, bearer("next")),
      step("hal", ["DELETE", ({ id }) => `/auth/api-keys/${id}`]),
      step("hal", ["DELETE", ({ id }) => `/auth/api-keys/${id}`]),
      step("robot", ["GET", "/me"], undefined, bearer("next")),
    ],
    "organisation switch": [
      ...enter("ida"),
      ...enter("joe"),
      step("ida", ["POST", "/auth/organization/create", { name: "First", slug: "first" }], {
        first: ({ id }) => id,
      }),
      step("ida", ["POST", "/auth/organization/create", { name: "Second", slug: "second" }]),
      me("ida"),
      step("ida", ["POST", "/auth/organization/set-active", ({ first }) => ({ organizationId: first })]),
      me("ida"),
      step("ida", ["GET", "/owners"]),
      step("joe", ["POST", "/auth/organization/set-active", ({ first }) => ({ organizationId: first })]),
      step(
        "ida",
        ["POST", "/auth/organization/invite-member", { email: "joe@example.com", role: "member" }],
        {
          invitation: ({ id }) => id,
        },
      ),
      step("joe", [
        "POST",
        "/auth/organization/accept-invitation",
        ({ invitation }) => ({ invitationId: invitation }),
      ]),
      step("joe", ["POST", "/auth/organization/set-active", ({ first }) => ({ organizationId: first })]),
      me("joe"),
      step("joe", ["GET", "/owners"]),
      step("ida", ["POST", "/auth/organization/remove-member", { memberIdOrEmail: "joe@example.com" }]),
      me("joe"),
    ],
    account: [
      ...enter("kim"),
      step("kim", ["GET", "/auth/account"]),
      step("kim", ["DELETE", "/auth/account"]),
      me("kim"),
      signIn("kim"),
    ],
  };
}

/** Runs every flow over HTTP on both databases; all answers must be those of the file. */
export function testFlows(env: Readonly<Record<string, string>>): void {
  let rig: PostgresRig;
  beforeAll(async () => {
    rig = await startPostgres();
  });
  afterAll(() => rig.stop());

  describe.each([
    ["PGlite", async () => "pglite:memory"],
    ["PostgreSQL", () => rig.createDatabase()],
  ])("on %s", (_name, url) => {
    it("every flow has the answers that it has everywhere", async () => {
      const inbox = await Inbox.start();
      const options = { databaseUrl: await url(), env, origin, lockoutMaxAttempts: 3 };
      const service = await AuthService.start(inbox, options);
      const told = await Promise.all(
        Object.entries(flowsOf(inbox)).map(async ([name, steps]) =>
          [`# ${name}`, ...(await runFlow(service, steps))].join("\n"),
        ),
      );
      await service.stop();
      await inbox.stop();
      await expect(`${told.join("\n\n")}\n`).toMatchFileSnapshot("flows.answers.txt");
    });
  });
}

async function runFlow(service: AuthService, steps: readonly Step[]): Promise<string[]> {
  const browsers = new Map<string, Browser>();
  const kept: Kept = {};
  const lines: string[] = [];
  for (const { by, send, headers, keep = {} } of steps) {
    const browser = browsers.get(by) ?? service.browser();
    browsers.set(by, browser);
    const [method, url, body] = send;
    const path = await resolve(url, kept);
    const answer = await browser.request(method, path, await resolve(body, kept), {
      ...(method === "GET" ? {} : { origin }),
      ...(await resolve(headers, kept)),
    });
    lines.push(`${by}: ${method} ${plain(path)}`, ...describeAnswer(answer));
    for (const [name, read] of Object.entries(keep)) {
      if (answer.statusCode < 300) kept[name] = read(answer.json() as never) ?? "";
    }
  }
  return lines;
}

async function resolve<T>(said: Said<T>, kept: Kept): Promise<T> {
  return said instanceof Function ? said(kept) : said;
}

function describeAnswer(answer: Awaited<ReturnType<Browser["get"]>>): string[] {
  const { statusCode, headers, body } = answer;
  const cookies = [headers["set-cookie"] ?? []].flat().map((each) => each.replace(/=[^;]+/, "=…"));
  const names = Object.keys(headers).filter(
    (name) => !["date", "content-length", "set-cookie"].includes(name),
  );
  const told = names.sort().map((name) => plain(`${name}: ${headers[name]}`));
  return [
    `  ${statusCode} ${plain(body)}`,
    `  ${told.join("; ")}`,
    ...cookies.sort().map((each) => `  ${each}`),
  ];
}

/** Without what is random, or a time. */
function plain(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "ID")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replaceAll(/otpauth:[^"]+/g, "URI")
    .replaceAll(/"[A-Za-z0-9]{5}-[A-Za-z0-9]{5}"/g, '"CODE"')
    .replaceAll(/svc[kar]_[A-Za-z0-9_-]+/g, "SECRET")
    .replaceAll(/token=[^&"]+/g, "token=TOKEN")
    .replaceAll(/reset-password\/[A-Za-z0-9]+/g, "reset-password/TOKEN")
    .replaceAll(/"token":"[^"]+"/g, '"token":"TOKEN"')
    .replaceAll(/(retry-after: )\d+/g, "$1SECONDS")
    .replaceAll(/10(?:\.\d+){3}/g, "ADDRESS");
}
