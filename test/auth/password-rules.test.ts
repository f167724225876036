import { expect, it } from "vitest";
import { passwordProblem } from "#dist/auth/passwords/password-rules.js";

const problem = (password: string, passwordRequireSymbol: boolean) =>
  passwordProblem(password, { passwordMinLength: 12, passwordRequireSymbol })?.code;

it.each(["correct staple horse 7", "täglich wandern 77", "正しい馬の電池ホッチキス七"])(
  "asks '%s' for a symbol only where symbols are required",
  (password) => {
    expect(problem(password, true)).toBe("PASSWORD_WITHOUT_SYMBOL");
    expect(problem(password, false)).toBeUndefined();
    expect(problem(`${password}!`, true)).toBeUndefined();
  },
);

it("counts characters and not code units", () => {
  expect(problem("🐎".repeat(11), false)).toBe("PASSWORD_TOO_SHORT");
  expect(problem("🐎".repeat(12), false)).not.toBe("PASSWORD_TOO_SHORT");
});
