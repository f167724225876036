import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql as sqlText } from "drizzle-orm";
import { defineJob, easyJobs } from "svc-infra/jobs";
import { easySqlDb } from "svc-infra/sql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { type PostgresRig, startPostgres } from "../rigs/postgres.js";

let folder: string;
let rig: PostgresRig;
let cert: string;
let hba: string;

/** Roles by how the server signs them in over TLS. */
const signIns = { bound: "scram-sha-256", md5: "md5", clear: "password", trusted: "trust" };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "svc-infra-tls-"));
  chmodSync(folder, 0o755);
  const key = join(folder, "key.pem");
  hba = join(folder, "pg_hba.conf");
  cert = join(folder, "cert.pem");
  const what = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"];
  const how = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert];
  execFileSync("openssl", [...how, ...what], { stdio: "ignore" });
  // The server takes a key of root only when its group is root and nobody else reads it.
  const lines = Object.entries(signIns).map(([role, way]) => `hostssl all ${role} 127.0.0.1/32 ${way}`);
  const plain = "host all postgres 127.0.0.1/32 trust\nhostnossl all bound 127.0.0.1/32 scram-sha-256";
  writeFileSync(hba, `${lines.join("\n")}\n${plain}\n`);
  if (process.getuid?.() === 0) execFileSync("chown", ["65534:65534", key, hba]);
  chmodSync(key, 0o600);
  const settings = { ssl: "on", ssl_cert_file: cert, ssl_key_file: key, hba_file: hba };
  rig = await startPostgres({ settings });
  const db = await easySqlDb({ url: rig.url }, { env: {} });
  for (const role of Object.keys(signIns)) {
    const way = role === "md5" ? "md5" : "scram-sha-256";
    const statement = `set password_encryption = '${way}'; create role ${role} login password 'open'`;
    await db.withConnection((connection) => connection.run(statement));
  }
  await db.close();
});
afterAll(async () => {
  await rig.stop();
  rmSync(folder, { recursive: true });
});

/** What a sign-in ends with. */
async function signIn(role: string, parameters: string): Promise<string> {
  const url = `postgresql://${role}:open@localhost:${rig.port}/postgres?${parameters}`;
  const db = await easySqlDb({ url }, { env: {} });
  try {
    await db.ping();
    return "in";
  } catch (error) {
    return String(error);
  } finally {
    await db.close();
  }
}

describe("channel_binding", () => {
  it.each(["disable", "prefer", "require"])("%s signs in where the server offers it", async (word) => {
    expect(await signIn("bound", `sslmode=require&channel_binding=${word}`)).toBe("in");
  });

  it.each(["md5", "clear", "trusted"])("require refuses a sign-in that is %s", async (role) => {
    expect(await signIn(role, "sslmode=require")).toBe("in");
    expect(await signIn(role, "sslmode=require&channel_binding=require")).toContain(
      "the server does not sign in by SCRAM-SHA-256-PLUS",
    );
  });

  it("require refuses a sign-in without TLS", async () => {
    expect(await signIn("bound", "sslmode=disable")).toBe("in");
    expect(await signIn("bound", "channel_binding=require")).toContain("SCRAM-SHA-256-PLUS");
  });

  it("is refused with another word", async () => {
    await expect(signIn("bound", "sslmode=require&channel_binding=required")).rejects.toThrow(
      "SQL_URL: has channel_binding=required; expected one of disable, prefer, require",
    );
  });
});

it("channel_binding=require holds for the connection that wakes the worker of jobs", async () => {
  const url = `postgresql://bound:open@localhost:${rig.port}/postgres?sslmode=require&channel_binding=require`;
  const [admin, sql] = [
    await easySqlDb({ url: rig.url }, { env: {} }),
    await easySqlDb({ url }, { env: {} }),
  ];
  const rules = readFileSync(hba, "utf8");
  const follow = async (text: string) => {
    writeFileSync(hba, text);
    await admin.withConnection((connection) => connection.run("select pg_reload_conf()"));
  };
  const listening = () =>
    admin.withConnection(({ query }) =>
      query("select pid from pg_stat_activity where usename = 'bound' and query like '%LISTEN bullmq_jobs%'"),
    );
  await admin.withConnection((connection) => connection.run("grant create on database postgres to bound"));
  const said: string[] = [];
  const note = (facts: object | string) => void said.push(String(Object(facts).err));
  const log = { debug: note, info: note, warn: note, error: note };
  const job = defineJob("nothing", z.object({}), () => undefined);
  const jobs = await easyJobs({ sql, jobs: [job] }, { env: {}, log });
  try {
    await expect.poll(listening, { timeout: 20_000 }).toHaveLength(1);
    // From now on the server takes the role without a password. Connections that are open stay.
    await follow(rules.replace("bound 127.0.0.1/32 scram-sha-256", "bound 127.0.0.1/32 trust"));
    const [{ pid } = {}] = await listening();
    await admin.db.execute(sqlText`select pg_terminate_backend(${pid}::int, 10000)`);
    await expect.poll(() => said.join(), { timeout: 20_000 }).toContain("SCRAM-SHA-256-PLUS");
    expect(await listening()).toEqual([]);
  } finally {
    await follow(rules);
    await jobs.close();
    for (const each of [sql, admin]) await each.close();
  }
});

describe("verify-ca", () => {
  it("needs the authorities that it trusts", async () => {
    await expect(signIn("bound", "sslmode=verify-ca")).rejects.toThrow("SQL_SSLROOTCERT: is not set");
    expect(await signIn("bound", `sslmode=verify-ca&sslrootcert=${cert}`)).toBe("in");
    expect(await signIn("bound", `sslmode=verify-full&sslrootcert=${cert}`)).toBe("in");
  });
});

describe("a connection in use", () => {
  it.each([
    ["a transaction", "transaction"],
    ["withConnection", "withConnection"],
  ])("that the server ends amid %s fails its query, and the process lives", async (_, way) => {
    const uncaught: unknown[] = [];
    const note = (error: unknown) => void uncaught.push(error);
    process.on("uncaughtException", note);
    const [db, other] = [
      await easySqlDb({ url: rig.url }, { env: {} }),
      await easySqlDb({ url: rig.url }, { env: {} }),
    ];
    const work = async (tx: typeof db.db) => {
      const { rows } = Object(await tx.execute(sqlText`select pg_backend_pid() as pid`));
      const pid = rows[0].pid;
      await other.db.execute(sqlText`select pg_terminate_backend(${pid}::int, 10000)`);
      // The message of the server arrives while no query waits for an answer.
      await new Promise((tell) => setTimeout(tell, 100));
      await tx.execute(sqlText`select 1`);
    };
    const broken =
      way === "transaction"
        ? db.db.transaction(work)
        : db.withConnection((connection) => work(connection.db));
    await expect(broken).rejects.toThrow("Failed query");
    await db.ping();
    expect(uncaught).toEqual([]);
    process.off("uncaughtException", note);
    for (const each of [db, other]) await each.close();
  });

  it("has no limit of the driver inside withConnection", async () => {
    const db = await easySqlDb({ url: rig.url, statementTimeoutMs: 100 }, { env: {} });
    await db.withConnection(async (connection) => {
      await connection.db.execute(sqlText`select pg_sleep(2.3)`);
      await connection.query("select pg_sleep(2.3)");
    });
    await db.close();
  });
});
