import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { PGlite } from "@electric-sql/pglite";
import { type Logger, loadPeer } from "../../kernel/index.js";
import type { QueryWatch } from "../query-watch.js";
import type { SqlSettings } from "../settings.js";
import type { Database, EmbeddedSql, SqlConnection } from "../sql-db.js";
import { type FolderWait, lockFolderWithin } from "./folder-lock.js";
import { realFolder } from "./real-folder.js";
import { emptyDatabase } from "./snapshot.js";
import { watchPglite } from "./watch-pglite.js";

/**
 * Opens the embedded database. A folder is taken for this process alone until it is closed.
 *
 * @param path - where it is kept; in memory without one.
 */
export async function openEmbedded(
  path: string | undefined,
  settings: SqlSettings,
  watch: QueryWatch,
  log: Logger,
  wait: FolderWait,
): Promise<EmbeddedSql> {
  const { PGlite } = await loadPeer(
    "@electric-sql/pglite",
    "the embedded database of addSqlDb",
    () => import("@electric-sql/pglite"),
  );
  const { drizzle } = await loadPeer("drizzle-orm", "addSqlDb", () => import("drizzle-orm/pglite"));
  const folder = path === undefined ? undefined : realFolder(path);
  const unlock = folder === undefined ? () => undefined : await lockNew(folder, wait);
  try {
    const pglite = await start(PGlite, folder, () => emptyDatabase(PGlite, settings.snapshotDir, log));
    watchPglite(pglite, watch);
    return embeddedSql(pglite, drizzle(pglite), folder, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

function embeddedSql(
  pglite: PGlite,
  db: Database,
  folder: string | undefined,
  unlock: () => void,
): EmbeddedSql {
  const connection = connectionOf(pglite, db);
  let closed: Promise<void> | undefined;
  return {
    kind: "embedded",
    db,
    pglite,
    folder,
    address: folder ?? "memory",
    ping: async () => void (await pglite.query("select 1")),
    metrics: () => ({ maxConnections: 1, connections: pglite.closed ? 0 : 1, idle: 0, waiting: 0 }),
    withConnection: (work) => work(connection),
    close: () => {
      closed ??= pglite.close().finally(unlock);
      return closed;
    },
  };
}

function connectionOf(pglite: PGlite, db: Database): SqlConnection {
  return {
    db,
    query: async (text, values = []) => (await pglite.query<Record<string, unknown>>(text, [...values])).rows,
    run: async (text) => void (await pglite.exec(text)),
  };
}

function lockNew(folder: string, wait: FolderWait): Promise<() => void> {
  mkdirSync(dirname(folder), { recursive: true });
  return lockFolderWithin(folder, wait);
}

async function start(
  driver: typeof PGlite,
  folder: string | undefined,
  empty: () => Promise<Blob>,
): Promise<PGlite> {
  if (folder === undefined) return driver.create({ loadDataDir: await empty() });
  if (!existsSync(join(folder, "PG_VERSION"))) await fill(driver, folder, await empty());
  return driver.create({ dataDir: folder });
}

/** The new database gets its name when it is whole, so that a process killed in between leaves no half of one. */
async function fill(driver: typeof PGlite, folder: string, empty: Blob): Promise<void> {
  const name = `${basename(folder)}.new-`;
  for (const left of readdirSync(dirname(folder)).filter((each) => each.startsWith(name))) {
    rmSync(join(dirname(folder), left), { recursive: true });
  }
  const draft = join(dirname(folder), `${name}${randomUUID()}`);
  const database = await driver.create({ dataDir: draft, loadDataDir: empty });
  await database.close();
  // An empty folder that was made beforehand, like a volume, is replaced; one that holds anything else makes this fail.
  renameSync(draft, folder);
}
