import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type PostgresRig, startPostgres } from "../rigs/postgres.js";
import { AuthService } from "./auth-service.js";
import { Inbox } from "./inbox.js";

let rig: PostgresRig;
let inbox: Inbox;
let service: AuthService;
let client: pg.Client;

beforeAll(async () => {
  rig = await startPostgres();
  inbox = await Inbox.start();
  const databaseUrl = await rig.createDatabase();
  service = await AuthService.start(inbox, { databaseUrl });
  await service.signUp("ann@example.com");
  await service.signUp("ben@example.com");
  client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
}, 60_000);

afterAll(async () => {
  await client?.end();
  await service?.stop();
  await inbox?.stop();
  await rig?.stop();
});

/** Ways to end the tokens of a user. */
const ways = {
  "of one family": ({ userId, refreshToken }: Tokens) =>
    service.app.authUsers.tokens.revoke(refreshToken).then((ended) => expect(ended).toBe(userId)),
  "of a user": ({ userId }: Tokens) => service.app.authUsers.tokens.revokeAll(userId),
  "of one sign-in": ({ userId, family }: Tokens) => service.app.authUsers.signIns.end(userId, family),
  "of all other sign-ins": ({ userId }: Tokens) => service.app.authUsers.signIns.endOthers(userId, "none"),
};

interface Tokens {
  readonly userId: string;
  readonly family: string;
  readonly refreshToken: string;
}

it.each(Object.entries(ways))("a refresh at the same time does not outlive the end %s", async (_, end) => {
  const tokens = await signIn();
  await client.query("begin");
  await client.query("update svc_infra_auth_tokens set used_at = now()");
  await client.query(`insert into svc_infra_auth_tokens
    select (jsonb_populate_record(t, '{"id": "next", "access_hash": "next", "refresh_hash": "next", "used_at": null}')).*
    from svc_infra_auth_tokens t`);
  const ending = end(tokens);
  await expect.poll(waiting).toBe(1);
  await client.query("commit");
  await ending;
  expect((await client.query("select id from svc_infra_auth_tokens")).rows).toEqual([]);
});

it("tokens that begin while all that their user has ends do not outlive it", async () => {
  await signIn("ben@example.com");
  const token = await sessionOf("ann@example.com");
  const { rows } = await client.query("select user_id from svc_infra_auth_sessions");
  // Tokens that are over are removed when others begin: that waits here.
  await client.query("update svc_infra_auth_tokens set started_at = '2000-01-01'");
  await client.query("begin");
  await client.query("select id from svc_infra_auth_tokens for update");
  const beginning = service.app.authUsers.tokens.begin(token);
  await expect.poll(waiting).toBe(1);
  const ending = service.app.authUsers.signIns.endOthers(rows[0].user_id, "none");
  await Promise.race([ending, expect.poll(waiting).toBe(2)]);
  await client.query("commit");
  await Promise.all([beginning, ending]);
  expect((await client.query("select id from svc_infra_auth_tokens")).rows).toEqual([]);
});

async function sessionOf(email: string): Promise<string> {
  const body = { email, password: "correct staple horse 7" };
  return (await service.browser().post("/auth/sign-in/email", body)).json().token;
}

async function signIn(email = "ann@example.com"): Promise<Tokens> {
  await client.query("delete from svc_infra_auth_tokens");
  await client.query("delete from svc_infra_auth_sessions");
  const token = await sessionOf(email);
  const begun = await service.app.authUsers.tokens.begin(token);
  const { rows } = await client.query("select family from svc_infra_auth_tokens");
  return {
    userId: begun?.userId ?? "",
    family: rows[0].family,
    refreshToken: begun?.pair.refreshToken ?? "",
  };
}

/** How many statements wait for a lock. */
async function waiting(): Promise<number> {
  // In a transaction the view stays as it was first seen.
  await client.query("select pg_stat_clear_snapshot()");
  const { rows } = await client.query("select pid from pg_stat_activity where wait_event_type = 'Lock'");
  return rows.length;
}
