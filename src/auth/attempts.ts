import { createHash } from "node:crypto";
import { eq, lt, sql } from "drizzle-orm";
import type { Database } from "../sql/index.js";
import { authAttempts } from "./schema.js";

/** How many attempts there may be, and for how long each counts. */
export interface AttemptLimit {
  readonly max: number;
  readonly windowMs: number;
}

/** What became of an attempt. */
export interface Attempt {
  readonly isAllowed: boolean;
  /** Until the next one is allowed; 0 when this one is. */
  readonly retryAfterMs: number;
}

/**
 * Counts attempts in the database. Each one is counted before it is made, so that many at once are not more than many
 * in a row. Keys are hashed: the table tells no address.
 */
export class Attempts {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Counts one attempt. The window begins with the first one, and again with the one that locks. */
  async take(key: string, { max, windowMs }: AttemptLimit): Promise<Attempt> {
    const isOver = sql`${authAttempts.until} <= now()`;
    const until = sql`now() + make_interval(secs => ${windowMs / 1000})`;
    const [row] = await this.#db
      .insert(authAttempts)
      .values({ key: hashOf(key), count: 1, until })
      .onConflictDoUpdate({
        target: authAttempts.key,
        set: {
          count: sql`case when ${isOver} then 1 else least(${authAttempts.count}, 1000000) + 1 end`,
          until: sql`case when ${isOver} or ${authAttempts.count} = ${max - 1} then ${until} else ${authAttempts.until} end`,
        },
      })
      .returning({ count: authAttempts.count, until: authAttempts.until });
    const isAllowed = row === undefined || row.count <= max;
    return { isAllowed, retryAfterMs: isAllowed ? 0 : Math.max(1, row.until.getTime() - Date.now()) };
  }

  /** Forgets the attempts with a key, and all that no longer count. */
  async clear(key: string): Promise<void> {
    await this.#db.delete(authAttempts).where(eq(authAttempts.key, hashOf(key)));
    await this.#db.delete(authAttempts).where(lt(authAttempts.until, sql`now()`));
  }
}

function hashOf(key: string): string {
  return createHash("sha256").update(key, "utf8").digest("base64url");
}
