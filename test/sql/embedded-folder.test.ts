import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { sql } from "drizzle-orm";
import { ConfigurationError } from "svc-infra/kernel";
import { easySqlDb } from "svc-infra/sql";
import { afterEach, beforeEach, expect, it } from "vitest";

let parent: string;
let folder: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "svc-infra-folder-"));
  folder = join(parent, "pg");
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const open = () => easySqlDb({ url: `pglite:${folder}` }, { env: {} });

/** A process of its own that opens the folder and writes rows until it is killed. */
async function startWriter() {
  const child = fork(resolve("test/sql/embedded-writer.js"), [folder], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  let written = 0;
  child.on("message", (count: number) => {
    written = count;
  });
  await once(child, "message");
  const kill = async () => {
    const end = once(child, "exit");
    child.kill("SIGKILL");
    await end;
    return written;
  };
  return { pid: child.pid, kill, written: () => written };
}

it("a second process is refused by the pid of the first; after kill -9 of that one it starts and all rows are there", async () => {
  const writer = await startWriter();
  const refusal: unknown = await open().catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(ConfigurationError);
  expect(String(refusal)).toContain(`is in use by process ${writer.pid}`);
  expect(String(refusal)).toContain("SQL_URL");
  await expect.poll(writer.written).toBeGreaterThan(20);
  const written = await writer.kill();
  const db = await open();
  const { rows } = Object(
    await db.db.execute(sql`select count(*)::int as count, max(id) as last from written`),
  );
  expect(rows[0].count).toBe(rows[0].last);
  expect(rows[0].last).toBeGreaterThanOrEqual(written);
  await db.close();
});

it("the folder is refused to this process, too, until it is closed", async () => {
  const db = await open();
  await expect(open()).rejects.toThrow(`is in use by process ${process.pid}`);
  await db.close();
  await (await open()).close();
  expect(readdirSync(parent)).toEqual(["pg"]);
});

it("a folder with another name, by a symbolic link to it or above it, is the same folder", async () => {
  const writer = await startWriter();
  symlinkSync(folder, join(parent, "link"));
  symlinkSync(parent, `${parent}-link`);
  try {
    for (const name of [join(parent, "link"), join(`${parent}-link`, "pg")]) {
      const refusal = easySqlDb({ url: `pglite:${name}` }, { env: {} });
      await expect(refusal).rejects.toThrow(`is in use by process ${writer.pid}`);
    }
    await writer.kill();
    const db = await easySqlDb({ url: `pglite:${join(parent, "link")}` }, { env: {} });
    await expect(open()).rejects.toThrow(`is in use by process ${process.pid}`);
    await db.close();
  } finally {
    rmSync(`${parent}-link`);
  }
});

it("a link to a folder that is not there yet has its database made behind it", async () => {
  symlinkSync("pg", join(parent, "link"));
  await (await easySqlDb({ url: `pglite:${join(parent, "link")}` }, { env: {} })).close();
  expect(readdirSync(parent).sort()).toEqual(["link", "pg"]);
  await (await open()).close();
});

it("a take-over that was killed half-way is taken over itself", async () => {
  const db = await open();
  const record = JSON.parse(readFileSync(`${folder}.lock`, "utf8"));
  await db.close();
  const dead = (id: string) => JSON.stringify({ ...record, startedAt: "1", id });
  writeFileSync(`${folder}.lock`, dead("first"));
  writeFileSync(`${folder}.lock.after-first`, dead("second"));
  writeFileSync(`${folder}.lock.after-second`, dead("third"));
  const again = await open();
  await expect(open()).rejects.toThrow(`is in use by process ${process.pid}`);
  await again.close();
  expect(readdirSync(parent)).toEqual(["pg"]);
});

it("a lock whose number another process has by now is taken over", async () => {
  await (await open()).close();
  const db = await open();
  const record = JSON.parse(readFileSync(`${folder}.lock`, "utf8"));
  await db.close();
  writeFileSync(`${folder}.lock`, JSON.stringify({ ...record, startedAt: "1" }));
  await (await open()).close();
});

it("a lock of another container is not taken over, and its file is named", async () => {
  const lock = { pid: 1, startedAt: "1", namespace: "elsewhere  pid:[1]", id: "a" };
  writeFileSync(`${folder}.lock`, JSON.stringify(lock));
  await expect(open()).rejects.toThrow(`if that one is gone, remove ${folder}.lock`);
  expect(existsSync(`${folder}.lock`)).toBe(true);
});

it("of many that find a lock left behind, one gets the folder", async () => {
  const { lockFolder } = await import("#dist/sql/embedded/folder-lock.js");
  lockFolder(folder);
  const record = JSON.parse(readFileSync(`${folder}.lock`, "utf8"));
  for (let round = 0; round < 6; round++) {
    const dead = { ...record, startedAt: "1", id: randomUUID() };
    writeFileSync(`${folder}.lock`, JSON.stringify(dead));
    if (round % 2 === 1) {
      writeFileSync(`${folder}.lock.after-${dead.id}`, JSON.stringify({ ...dead, id: randomUUID() }));
    }
    const children = Array.from({ length: 3 }, () =>
      fork(resolve("test/sql/folder-lock-taker.js"), [folder]),
    );
    const answers = await Promise.all(children.map(async (child) => (await once(child, "message"))[0]));
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map((child) => child.exitCode ?? child.signalCode ?? once(child, "exit")));
    expect(answers.filter((answer) => answer === "locked").length).toBe(1);
    rmSync(`${folder}.lock`);
  }
});

it("a database that was half made when its process was killed is made anew", async () => {
  mkdirSync(`${folder}.new-left`, { recursive: true });
  const db = await open();
  await db.ping();
  await db.close();
  expect(readdirSync(parent)).toEqual(["pg"]);
});

it("a folder that holds something else is refused and left as it is", async () => {
  mkdirSync(folder);
  writeFileSync(join(folder, "mine.txt"), "mine");
  await expect(open()).rejects.toThrow(folder);
  expect(readdirSync(folder)).toEqual(["mine.txt"]);
});

it("starts without a cache folder that it can write to, and leaves no half archive in one", async () => {
  const snapshotDir = join(parent, "file", "cache");
  writeFileSync(join(parent, "file"), "");
  await (await easySqlDb({ url: "pglite:memory", snapshotDir }, { env: {} })).close();
  rmSync(join(parent, "file"));
  await (await easySqlDb({ url: "pglite:memory", snapshotDir }, { env: {} })).close();
  expect(readdirSync(snapshotDir)).toEqual([expect.stringMatching(/^pglite-.*\.tar\.gz$/)]);
});
