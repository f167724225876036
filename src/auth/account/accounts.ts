import { eq } from "drizzle-orm";
import type { Database } from "../../sql/index.js";
import { authUsers } from "../schema.js";
import {
  endWaysIn,
  eraseRows,
  readOrphans,
  readOwnerAddresses,
  readOwnTenants,
  readRows,
} from "./account-rows.js";
import type { DataSubject, PersonalData } from "./personal-data.js";

/** Everything that is kept of a user; what {@link Accounts.add} added is under `data`. */
export interface AccountExport extends Awaited<ReturnType<typeof readRows>> {
  readonly data: Readonly<Record<string, unknown>>;
}

/** What became of an erasure. `sole_owner`: these organisations would lose their only owner. */
export type Erasure =
  | { readonly outcome: "erased" | "unknown" }
  | {
      readonly outcome: "sole_owner";
      readonly organizations: readonly { readonly id: string; readonly name: string }[];
    };

/** Tells and erases what is kept of users (GDPR, articles 15, 17 and 20). */
export class Accounts {
  readonly #db: Database;
  readonly #data = new Map<string, PersonalData>();

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Makes what the app keeps of users part of each export and erasure.
   *
   * @param name - of the data in an export.
   * @throws TypeError when the name is already taken.
   * @example
   * accounts.add("notes", {
   *   export: ({ id }) => db.select().from(notes).where(eq(notes.author, id)),
   *   erase: async ({ id }) => void (await db.delete(notes).where(eq(notes.author, id))),
   * });
   */
  add(name: string, data: PersonalData): void {
    if (this.#data.has(name)) throw new TypeError(`accounts.add was already called with the name '${name}'`);
    this.#data.set(name, data);
  }

  /**
   * Everything that is kept of a user, as JSON can say it: no secret, and a URL for each file.
   *
   * @returns `undefined` when there is no such user.
   */
  async export(userId: string): Promise<AccountExport | undefined> {
    const subject = await this.#subjectOf(userId);
    if (subject === undefined) return undefined;
    const data: Record<string, unknown> = {};
    for (const [name, each] of this.#data) data[name] = await each.export(subject);
    return { ...(await readRows(this.#db, subject)), data };
  }

  /**
   * Erases a user: sessions, tokens and API keys first, then files and the data of the app, then the rows of the user
   * and of organisations without another member. The user's row goes last: after a failure the same call does the rest.
   *
   * @throws what erasing files or the data of the app threw; the user can sign in then, and has lost what was erased.
   * @example
   * const { outcome } = await getAuthUsers(app).accounts.erase(userId);
   */
  async erase(userId: string): Promise<Erasure> {
    const subject = await this.#subjectOf(userId);
    if (subject === undefined) return { outcome: "unknown" };
    const organizations = await readOrphans(this.#db, userId);
    if (organizations.length > 0) return { outcome: "sole_owner", organizations };
    await this.#db.transaction((transaction) => endWaysIn(transaction, subject));
    await this.#eraseData(subject);
    await this.#db.transaction((transaction) => eraseRows(transaction, subject));
    // An upload that was let in before may have ended only now.
    await this.#eraseData(subject);
    return { outcome: "erased" };
  }

  /** The mail addresses of the owners of an organisation. The service mails them what its owners must know. */
  ownersOf(organization: string): Promise<readonly string[]> {
    return readOwnerAddresses(this.#db, organization);
  }

  /** How many factors a user has to prove. */
  async factorsOf(userId: string): Promise<1 | 2> {
    const [row] = await this.#db
      .select({ hasTwo: authUsers.twoFactorEnabled })
      .from(authUsers)
      .where(eq(authUsers.id, userId));
    return row?.hasTwo === true ? 2 : 1;
  }

  async #subjectOf(id: string): Promise<DataSubject | undefined> {
    const [row] = await this.#db
      .select({ email: authUsers.email })
      .from(authUsers)
      .where(eq(authUsers.id, id));
    if (row === undefined) return undefined;
    return { id, email: row.email, tenants: await readOwnTenants(this.#db, id) };
  }

  async #eraseData(subject: DataSubject): Promise<void> {
    for (const each of this.#data.values()) await each.erase(subject);
  }
}
