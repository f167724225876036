import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { PGlite } from "@electric-sql/pglite";
import type { Logger } from "../../kernel/index.js";

/** Its own cache of pages is in memory beside that of the system; 128 MB, the default, are too many for a laptop. */
const settings = ["shared_buffers=32MB"];
/** Version of the settings above: archives that were made with others are not used again. */
const revision = 1;

/**
 * An empty database as an archive, from which another one starts in a tenth of the time that making it takes. It is
 * made once for each version of PGlite and kept in the cache folder. A cache that cannot be written costs only time.
 */
export async function emptyDatabase(
  driver: typeof PGlite,
  folder: string | undefined,
  log: Logger,
): Promise<Blob> {
  const file = join(folder ?? cacheFolder(), `pglite-${pgliteVersion()}-${revision}.tar.gz`);
  const cached = readArchive(file);
  if (cached !== undefined) return cached;
  log.info({ file }, "the embedded database is prepared once, which takes some seconds");
  const database = await driver.create({ postgresqlconf: [...settings] });
  try {
    const archive = await database.dumpDataDir("gzip");
    await keep(file, archive).catch((error: unknown) =>
      log.warn({ err: error, file }, "the prepared database could not be kept (SQL_SNAPSHOT_DIR)"),
    );
    return archive;
  } finally {
    await database.close();
  }
}

function readArchive(file: string): Blob | undefined {
  try {
    return new Blob([readFileSync(file)]);
  } catch {
    return undefined;
  }
}

/** A rename, so that no process reads half an archive. */
async function keep(file: string, archive: Blob): Promise<void> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomUUID()}`;
  try {
    writeFileSync(draft, new Uint8Array(await archive.arrayBuffer()), { mode: 0o600 });
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** A folder that only the user may write: others could plant an archive in theirs. */
function cacheFolder(): string {
  const home = homedir();
  if (process.platform === "darwin") return join(home, "Library", "Caches", "svc-infra");
  if (process.platform === "win32") return join(home, "AppData", "Local", "svc-infra", "cache");
  return join(home, ".cache", "svc-infra");
}

function pgliteVersion(): string {
  const entry = createRequire(import.meta.url).resolve("@electric-sql/pglite");
  const { version } = JSON.parse(readFileSync(join(dirname(entry), "..", "package.json"), "utf8"));
  return version;
}
