import type { SqlConnection } from "../sql-db.js";

/** What the database knows of a migration. */
export interface HistoryEntry {
  readonly name: string;
  readonly hash: string;
  /** Parts of `up.sql` that are done. */
  readonly done: number;
  /** Parts of `up.sql`; with fewer done, it was interrupted between two of them. */
  readonly parts: number;
  /** Parts of `down.sql` that are done; above 0, a rollback was interrupted. */
  readonly undone: number;
  /** SHA-256 of the `down.sql` that a rollback has begun to run. */
  readonly downHash: string | undefined;
  /** The part outside a transaction that was begun and did not end. */
  readonly running: number | undefined;
}

const create = `create table if not exists svc_infra_migrations (
  name text primary key,
  hash text not null,
  parts integer not null,
  done integer not null,
  undone integer not null default 0,
  down_hash text,
  running integer,
  applied_at timestamptz not null default clock_timestamp()
)`;

/** Of an entry whose first part did not end well: nothing of it has run. An empty file has no parts. */
const unbegun = "done = 0 and undone = 0 and running is null and parts > 0";

/** The table in which the database keeps its migrations. */
export class MigrationHistory {
  readonly #connection: SqlConnection;

  constructor(connection: SqlConnection) {
    this.#connection = connection;
  }

  /** Makes the table, and removes entries of which nothing has run, whose files may be changed. The lock must be held. */
  async prepare(): Promise<void> {
    // Without it the notice that the table is there would be logged by the server at every start.
    if (!(await this.isThere())) await this.#connection.run(create);
    await this.#connection.run(`delete from svc_infra_migrations where ${unbegun}`);
  }

  async isThere(): Promise<boolean> {
    const [row] = await this.#connection.query(
      "select to_regclass('svc_infra_migrations') is not null as there",
    );
    return row?.there === true;
  }

  /** The entries in the order in which they were applied, without those of which nothing has run. */
  async entries(): Promise<HistoryEntry[]> {
    const rows = await this.#connection.query(
      `select name, hash, parts, done, undone, to_jsonb(m) ->> 'down_hash' as down_hash, running
        from svc_infra_migrations m where not (${unbegun}) order by applied_at, name`,
    );
    return rows.map((row) => ({
      name: String(row.name),
      hash: String(row.hash),
      parts: Number(row.parts),
      done: Number(row.done),
      undone: Number(row.undone),
      downHash: row.down_hash === null ? undefined : String(row.down_hash),
      running: row.running === null ? undefined : Number(row.running),
    }));
  }

  async add(name: string, hash: string, parts: number): Promise<void> {
    const text = "insert into svc_infra_migrations (name, hash, parts, done) values ($1, $2, $3, 0)";
    await this.#connection.query(text, [name, hash, parts]);
  }

  async set(name: string, counter: "done" | "undone", value: number): Promise<void> {
    const text = `update svc_infra_migrations set ${counter} = $2, running = null where name = $1`;
    await this.#connection.query(text, [name, value]);
  }

  async beginUndo(name: string, downHash: string): Promise<void> {
    // Databases that an earlier version prepared do not have it.
    await this.#connection.run("alter table svc_infra_migrations add column if not exists down_hash text");
    await this.#connection.query("update svc_infra_migrations set down_hash = $2 where name = $1", [
      name,
      downHash,
    ]);
  }

  async setRunning(name: string, part: number): Promise<void> {
    await this.#connection.query("update svc_infra_migrations set running = $2 where name = $1", [
      name,
      part,
    ]);
  }

  async remove(name: string): Promise<void> {
    await this.#connection.query("delete from svc_infra_migrations where name = $1", [name]);
  }
}
