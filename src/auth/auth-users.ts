import type { Logger } from "../kernel/index.js";
import type { Mail } from "../mail/index.js";
import type { Database } from "../sql/index.js";
import { Accounts } from "./account/accounts.js";
import { ApiKeys } from "./api-keys/api-keys.js";
import type { AuthConfig } from "./auth-config.js";
import { AuthMail } from "./auth-mail.js";
import type { FoundUser } from "./auth-user.js";
import { cookiePrefix, resignCookies } from "./cookies.js";
import { accessTokenPrefix, type CredentialHeaders, credentialOf } from "./credentials.js";
import { type AuthLibrary, openLibrary } from "./library/open-library.js";
import { Sessions } from "./sessions.js";
import { SignIns } from "./sign-ins.js";
import { SignedValues } from "./signed-values.js";
import { TokenFamilies } from "./tokens/token-families.js";

/** What the users of an app are kept with. */
export interface AuthUsersParts {
  readonly db: Database;
  readonly mail: Pick<Mail, "send" | "isQueued">;
  readonly log: Logger;
}

/** The users of an app: what `app.authUsers` is. */
export class AuthUsers {
  readonly config: AuthConfig;
  readonly sessions: Sessions;
  readonly signIns: SignIns;
  readonly apiKeys: ApiKeys;
  readonly tokens: TokenFamilies;
  readonly accounts: Accounts;
  readonly library: AuthLibrary;
  readonly #mail: AuthMail;
  readonly #values: SignedValues;

  constructor(config: AuthConfig, { db, mail, log }: AuthUsersParts) {
    this.config = config;
    this.sessions = new Sessions(db, config);
    this.signIns = new SignIns(db, config);
    this.apiKeys = new ApiKeys(db);
    this.tokens = new TokenFamilies(db, config);
    this.accounts = new Accounts(db);
    this.#values = new SignedValues(config.secrets);
    this.#mail = new AuthMail(mail, config.issuer, log);
    this.library = openLibrary(config, {
      db,
      mail: this.#mail,
      log,
      tokens: this.tokens,
      accounts: this.accounts,
    });
  }

  /**
   * Whom the credentials of a request stand for: an API key (`X-Api-Key` or `Authorization: Bearer`) or an access token,
   * else the cookie. One that does not work is not made up for by the others.
   */
  find(headers: CredentialHeaders): Promise<FoundUser | undefined> {
    const credential = credentialOf(headers);
    if (credential === undefined) return this.sessions.find(headers.cookie);
    if (credential.startsWith(accessTokenPrefix)) return this.tokens.find(credential);
    return this.apiKeys.find(credential);
  }

  /** Extends the session of a cookie; returns the cookies to send. */
  async renew(cookie: string): Promise<readonly string[]> {
    const { origin, basePath, isSecure } = this.config;
    const headers = { cookie: resignCookies(cookie, cookiePrefix(isSecure), this.#values) };
    const response = await this.library.handler(new Request(`${origin}${basePath}/get-session`, { headers }));
    return response.headers.getSetCookie();
  }

  /** Waits for mails that are under way. */
  close(): Promise<void> {
    return this.#mail.close();
  }
}
