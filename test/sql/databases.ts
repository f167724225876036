import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PostgresRig, startPostgres } from "../rigs/postgres.js";

/** Databases of both kinds, each empty and of a test's own. */
export class Databases {
  readonly #folder: string;
  readonly #rig: PostgresRig;
  #made = 0;

  constructor(folder: string, rig: PostgresRig) {
    this.#folder = folder;
    this.#rig = rig;
  }

  static async start(): Promise<Databases> {
    return new Databases(mkdtempSync(join(tmpdir(), "svc-infra-sql-")), await startPostgres());
  }

  /** The URL of a new database; the embedded one is in a folder. */
  async url(kind: "embedded" | "postgres"): Promise<string> {
    if (kind === "postgres") return this.#rig.createDatabase();
    return `pglite:${join(this.#folder, `database-${this.#made++}`)}`;
  }

  async stop(): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true });
    await this.#rig.stop();
  }
}

/** Both kinds, in memory where the test does not need a folder. */
export const kinds = ["embedded", "postgres"] as const;
