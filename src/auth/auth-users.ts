import type { Logger } from "../kernel/index.js";
import type { Mail } from "../mail/index.js";
import type { Database } from "../sql/index.js";
import type { AuthConfig } from "./auth-config.js";
import { AuthMail } from "./auth-mail.js";
import { cookiePrefix, resignCookies } from "./cookies.js";
import { type AuthLibrary, openLibrary } from "./library/open-library.js";
import { Sessions } from "./sessions.js";
import { SignedValues } from "./signed-values.js";

/** What the users of an app are kept with. */
export interface AuthUsersParts {
  readonly db: Database;
  readonly mail: Pick<Mail, "send">;
  readonly log: Logger;
}

/** The users of an app: what `app.authUsers` is. */
export class AuthUsers {
  readonly config: AuthConfig;
  readonly sessions: Sessions;
  readonly library: AuthLibrary;
  readonly #mail: AuthMail;
  readonly #values: SignedValues;

  constructor(config: AuthConfig, { db, mail, log }: AuthUsersParts) {
    this.config = config;
    this.sessions = new Sessions(db, config);
    this.#values = new SignedValues(config.secrets);
    this.#mail = new AuthMail(mail, config.issuer, log);
    this.library = openLibrary(config, { db, mail: this.#mail, log });
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
