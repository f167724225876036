import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getTableName, isTable } from "drizzle-orm";
import { addStorage } from "svc-infra";
import { tenantFiles, userFiles } from "svc-infra/auth";
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as tables from "#dist/auth/schema.js";
import { AuthService, password } from "./auth-service.js";
import type { Browser } from "./browser.js";
import { Inbox } from "./inbox.js";
import { codeOf } from "./totp.js";

const secrets = ["0123456789abcdef0123456789abcdef"];
const origin = { origin: "http://localhost:3000" };

let inbox: Inbox;
let service: AuthService;
let folder: string;
/** Calls for the data that the app itself keeps. */
let erased: unknown[];
let failure: Error | undefined;
const logLines: Record<string, unknown>[] = [];

beforeAll(async () => {
  inbox = await Inbox.start();
  folder = mkdtempSync(join(tmpdir(), "svc-infra-accounts-"));
  erased = [];
  const backend = new LocalBackend({ basePath: folder, baseUrl: "http://127.0.0.1:1/files", secrets });
  const storage = new Storage(backend);
  service = await AuthService.start(inbox, {
    logLines,
    extend: async (app) => {
      const allowOrigins = [origin.origin];
      await addStorage(app, storage, { authorize: userFiles(), allowOrigins });
      await addStorage(app, new Storage(backend), {
        decorator: "shared",
        authorize: tenantFiles(),
        allowOrigins,
        managementPrefix: "/_shared",
        serveFiles: false,
        health: false,
      });
      app.authUsers.accounts.add("notes", {
        export: async ({ id }) => [{ author: id, text: "a note" }],
        erase: async (subject) => {
          if (failure !== undefined) throw failure;
          erased.push(subject);
        },
      });
    },
  });
});

afterAll(async () => {
  await service.stop();
  await inbox.stop();
  rmSync(folder, { recursive: true, force: true });
});

const write = (browser: Browser, key: string, root = "/_storage") =>
  browser.request("PUT", `${root}/files/${key}`, { of: key }, origin);

/** All rows of users, as text. */
async function everyRow(): Promise<string> {
  const names = Object.values(tables)
    .filter((each) => isTable(each))
    .map(getTableName);
  const rows = await service.app.sql.withConnection(async (connection) => {
    const all = [];
    for (const name of names) all.push(await connection.query(`select * from ${name}`));
    return all;
  });
  return JSON.stringify(rows);
}

/** A user with all that a user can have, and an organisation of their own. */
async function settle(email: string, slug: string) {
  const browser = await service.signIn(email);
  const { totpURI } = (await browser.post("/auth/two-factor/enable", { password })).json();
  await browser.post("/auth/two-factor/verify-totp", { code: codeOf(totpURI) });
  expect((await write(browser, "plan.json")).statusCode).toBe(200);
  const tenant = (await browser.post("/auth/organization/create", { name: slug, slug })).json().id;
  expect((await write(browser, "shared.json", "/_shared")).statusCode).toBe(200);
  const { key } = (await browser.post("/auth/api-keys", { name: "robot", scopes: [] })).json();
  await browser.post("/auth/organization/invite-member", {
    email: `guest-${slug}@example.com`,
    role: "member",
  });
  await service.browser().post("/auth/request-password-reset", { email, redirectTo: "/new" });
  const { id } = (await browser.get("/me")).json();
  return { browser, tenant, key, id, email };
}

describe("a user who leaves", () => {
  it("is erased with sessions, keys, second factor, organisation and files, and nobody else is", async () => {
    const ann = await settle("ann@example.com", "acme");
    const ben = await settle("ben@example.com", "bolt");
    const gone = await ann.browser.delete("/auth/account");
    expect([gone.statusCode, gone.body]).toEqual([204, ""]);
    expect([...ann.browser.cookies.keys()]).toEqual([]);
    const rows = await everyRow();
    for (const trace of [ann.id, ann.tenant, ann.email]) expect(rows).not.toContain(trace);
    expect((await service.browser().get("/me", { "x-api-key": ann.key })).statusCode).toBe(401);
    const signIn = await service.browser().post("/auth/sign-in/email", { email: ann.email, password });
    expect([signIn.statusCode, signIn.json().code]).toEqual([401, "invalid_email_or_password"]);
    const keys = await service.app.storage.listKeys();
    expect(keys).toEqual([`${ben.tenant}/shared.json`, `user-${ben.id}/plan.json`].sort());
    expect(erased.at(-1)).toEqual({ id: ann.id, email: ann.email, tenants: [ann.tenant] });
    expect((await service.browser().get("/me", { "x-api-key": ben.key })).statusCode).toBe(200);
    expect(logLines.findLast(({ event }) => event === "account/erase")).toMatchObject({
      outcome: "done",
      actor: ann.id,
    });
  });

  it("takes everything along first: no secret, and each file by a URL", async () => {
    const cat = await settle("cat@example.com", "club");
    const answer = await cat.browser.get("/auth/account");
    expect(answer.headers["cache-control"]).toBe("no-store");
    const account = answer.json();
    expect(account).toMatchObject({
      user: { id: cat.id, email: cat.email, twoFactorEnabled: true },
      accounts: [{ provider: "credential" }],
      apiKeys: [{ name: "robot", tenant: cat.tenant }],
      organizations: [{ id: cat.tenant, role: "owner" }],
      invitations: [{ email: "guest-club@example.com" }],
      data: { notes: [{ author: cat.id, text: "a note" }] },
    });
    expect(account.sessions.length).toBeGreaterThan(0);
    const files: { key: string; size: number; url: string }[] = account.data.files;
    expect(files.map(({ key }) => key)).toEqual([`user-${cat.id}/plan.json`, `${cat.tenant}/shared.json`]);
    for (const { url, size } of files) {
      const { pathname, search } = new URL(url);
      const file = await service.browser().get(pathname + search);
      expect([file.statusCode, file.rawPayload.length]).toEqual([200, size]);
    }
    const secrets = await service.app.sql.withConnection((connection) =>
      connection.query(
        `select token from svc_infra_auth_sessions union all select hash from svc_infra_auth_api_keys
         union all select password from svc_infra_auth_accounts union all select secret from svc_infra_auth_two_factors`,
      ),
    );
    for (const row of secrets) expect(answer.body).not.toContain(Object.values(Object(row))[0]);
  });

  it("does it by a session that is fresh, with the second factor where there is one, and by no API key", async () => {
    const dan = await settle("dan@example.com", "den");
    for (const [method, url] of [
      ["GET", "/auth/account"],
      ["DELETE", "/auth/account"],
    ] as const) {
      const byKey = await service.browser().request(method, url, undefined, { "x-api-key": dan.key });
      expect([byKey.statusCode, byKey.json().code]).toEqual([403, "needs_session"]);
      expect((await service.browser().request(method, url, undefined, origin)).statusCode).toBe(401);
      await service.app.sql.withConnection((connection) =>
        connection.run("update svc_infra_auth_sessions set factor = 1"),
      );
      const one = await dan.browser.request(method, url, undefined, origin);
      expect([one.statusCode, one.json().code]).toEqual([403, "second_factor_required"]);
      await service.app.sql.withConnection((connection) =>
        connection.run(
          "update svc_infra_auth_sessions set factor = 2, created_at = now() - interval '11 minutes'",
        ),
      );
      const old = await dan.browser.request(method, url, undefined, origin);
      expect([old.statusCode, old.json().code]).toEqual([401, "stale_session"]);
    }
    expect((await dan.browser.get("/me")).statusCode).toBe(200);
  });

  it("is not let go as the only owner of others, and leaves organisations with another owner as they are", async () => {
    const eve = await settle("eve@example.com", "even");
    const fay = await service.signIn("fay@example.com");
    await eve.browser.post("/auth/organization/invite-member", { email: "fay@example.com", role: "member" });
    const invitationId = (await inbox.linkTo("fay@example.com", 2)).pathname.split("/").at(-1);
    await fay.post("/auth/organization/accept-invitation", { invitationId });
    const refused = await eve.browser.delete("/auth/account");
    expect([refused.statusCode, refused.json().code]).toEqual([409, "sole_owner"]);
    const { id } = (await eve.browser.get("/me")).json();
    const event = { event: "account/erase", outcome: "sole_owner", actor: id };
    expect(logLines.filter(({ event }) => event === "account/erase").at(-1)).toMatchObject(event);
    expect(refused.json().detail).toContain(eve.tenant);
    expect((await eve.browser.get("/me")).statusCode).toBe(200);
    await service.app.sql.withConnection((connection) =>
      connection.run(
        `update svc_infra_auth_members set role = 'owner' where organization_id = '${eve.tenant}'`,
      ),
    );
    expect((await eve.browser.delete("/auth/account")).statusCode).toBe(204);
    expect(await service.app.storage.listKeys({ prefix: `${eve.tenant}/` })).toHaveLength(1);
    await fay.post("/auth/organization/set-active", { organizationId: eve.tenant });
    expect((await fay.get("/me")).json().requestTenant).toBe(eve.tenant);
  });

  it("can leave again when a part failed, as the rows of the user go last", async () => {
    const gus = await settle("gus@example.com", "gulf");
    const { accounts } = service.app.authUsers;
    failure = new Error("the disk is full");
    await expect(accounts.erase(gus.id)).rejects.toThrow("the disk is full");
    failure = undefined;
    const signIn = await service.browser().post("/auth/sign-in/email", { email: gus.email, password });
    expect(signIn.json()).toMatchObject({ twoFactorRedirect: true });
    expect(await accounts.erase(gus.id)).toEqual({ outcome: "erased" });
    expect(await everyRow()).not.toContain(gus.id);
    expect(await accounts.erase(gus.id)).toEqual({ outcome: "unknown" });
    expect(await accounts.export(gus.id)).toBeUndefined();
  });

  it("has data of one name once", () => {
    const add = () =>
      service.app.authUsers.accounts.add("notes", { export: async () => [], erase: async () => undefined });
    expect(add).toThrow(TypeError);
  });
});
