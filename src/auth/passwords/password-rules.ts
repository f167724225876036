import { isKnownPassword } from "./known-passwords.js";

/** What a password must be. */
export interface PasswordRules {
  readonly passwordMinLength: number;
  readonly passwordRequireSymbol: boolean;
}

/** Most characters: hashing a longer one costs a service more than it gains. */
export const passwordMaxLength = 128;

/** What is wrong with a password, as a code and a sentence; nothing when it may be used. */
export function passwordProblem(
  password: string,
  rules: PasswordRules,
): { readonly code: string; readonly message: string } | undefined {
  const { length } = [...password];
  if (length < rules.passwordMinLength) {
    return {
      code: "PASSWORD_TOO_SHORT",
      message: `a password has at least ${rules.passwordMinLength} characters`,
    };
  }
  if (length > passwordMaxLength) {
    return { code: "PASSWORD_TOO_LONG", message: `a password has at most ${passwordMaxLength} characters` };
  }
  if (rules.passwordRequireSymbol && !/[^\p{L}\p{N}\s]/u.test(password)) {
    const message = "a password needs a character that is neither a letter nor a digit";
    return { code: "PASSWORD_WITHOUT_SYMBOL", message };
  }
  if (isKnownPassword(password)) {
    return { code: "PASSWORD_KNOWN", message: "this password is one of those that are guessed first" };
  }
  return undefined;
}
