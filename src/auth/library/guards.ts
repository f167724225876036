import type { Attempts } from "../attempts.js";
import type { AuthConfig } from "../auth-config.js";
import { passwordProblem } from "../passwords/password-rules.js";
import { hashRecoveryCode } from "./recovery-codes.js";

/** What a request of the library is refused with. */
export class GuardError extends Error {
  readonly code: string;
  readonly retryAfterMs: number;

  constructor(code: string, message: string, retryAfterMs = 0) {
    super(message);
    this.name = "GuardError";
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What a route of the library was called with. */
export interface GuardedCall {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** The device of the caller, when it signed in with this address before. */
  readonly device?: string | undefined;
  /** The user of the caller, on routes that count by user. */
  readonly userId?: string | undefined;
  /** Whether the caller proved fewer factors than their user has. */
  readonly lacksFactor?: boolean | undefined;
}

const totpReplayMs = 120_000;

/** Routes that give or take the means of the second factor: the first one must not be enough for them. */
const needsFactor: ReadonlySet<string> = new Set([
  "/two-factor/enable",
  "/two-factor/disable",
  "/two-factor/generate-backup-codes",
  "/two-factor/get-totp-uri",
]);

/** Whether a signed-in user proves with their password that they are there. */
export function takesPassword(path: string): boolean {
  return path === "/change-password" || needsFactor.has(path);
}

/** The rules that the library does not have: for passwords, locks, and codes that work once. */
export class Guards {
  readonly #attempts: Attempts;
  readonly #config: AuthConfig;

  constructor(attempts: Attempts, config: AuthConfig) {
    this.#attempts = attempts;
    this.#config = config;
  }

  /**
   * Called before a route runs.
   *
   * @returns what the body must say instead.
   * @throws GuardError
   */
  async before(call: GuardedCall): Promise<Readonly<Record<string, unknown>>> {
    const { path, body } = call;
    this.#checkPassword(path, body);
    // An ID token that was issued to another client would do; only the redirect binds the sign-in to this browser.
    if (body.idToken !== undefined) throw new GuardError("ID_TOKEN_REFUSED", "sign in by redirect");
    if (path === "/sign-in/email") await this.#takeSignIn(call);
    if (takesPassword(path) && call.userId === undefined)
      throw new GuardError("UNAUTHORIZED", "sign in first");
    if (needsFactor.has(path) && call.lacksFactor !== false) {
      throw new GuardError("SECOND_FACTOR_REQUIRED", "prove the second factor first");
    }
    if (takesPassword(path)) await this.#takeProof(call, "password");
    if (path === "/change-password") return { revokeOtherSessions: true };
    if (path.startsWith("/two-factor/verify-")) {
      await this.#takeProof(call, "factor");
      if (path === "/two-factor/verify-backup-code" && typeof body.code === "string") {
        return { code: hashRecoveryCode(body.code) };
      }
    }
    return {};
  }

  /** A correct password clears the count of failed attempts. */
  async signedIn({ body, device }: GuardedCall): Promise<void> {
    const key = signInKey(body.email, device);
    if (key !== undefined) await this.#attempts.clear(key);
  }

  /** The proof of a signed-in user was right. */
  async proved({ path, userId }: GuardedCall): Promise<void> {
    if (userId === undefined) return;
    await this.#attempts.clear(`${takesPassword(path) ? "password" : "factor"} ${userId}`);
  }

  /** Whether a code of an app is used for the first time (RFC 6238 §5.2). */
  async isNewCode(userId: string, code: unknown): Promise<boolean> {
    const limit = { max: 1, windowMs: totpReplayMs };
    return (await this.#attempts.take(`totp ${userId} ${String(code)}`, limit)).isAllowed;
  }

  #checkPassword(path: string, body: GuardedCall["body"]): void {
    const password = path === "/sign-up/email" ? body.password : body.newPassword;
    // The route's schema refuses a value that is not a string.
    if (typeof password !== "string") return;
    const problem = passwordProblem(password, this.#config);
    if (problem !== undefined) throw new GuardError(problem.code, problem.message);
  }

  async #takeSignIn({ body, device }: GuardedCall): Promise<void> {
    const key = signInKey(body.email, device);
    if (key !== undefined) await this.#take(key);
  }

  async #takeProof({ userId }: GuardedCall, kind: string): Promise<void> {
    if (userId !== undefined) await this.#take(`${kind} ${userId}`);
  }

  async #take(key: string): Promise<void> {
    const { lockoutMaxAttempts: max, lockoutMinutes } = this.#config;
    const { isAllowed, retryAfterMs } = await this.#attempts.take(key, {
      max,
      windowMs: lockoutMinutes * 60_000,
    });
    if (isAllowed) return;
    throw new GuardError("LOCKED", "there were too many attempts; try again later", retryAfterMs);
  }
}

/** One address in all its spellings. A device that its owner used counts for itself, so that strangers cannot lock the owner out. */
function signInKey(email: unknown, device: string | undefined): string | undefined {
  if (typeof email !== "string") return undefined;
  return `sign-in ${normalAddress(email)} ${device ?? ""}`;
}

/** How an address counts. */
export function normalAddress(email: string): string {
  return email.normalize("NFKC").trim().toLowerCase();
}
