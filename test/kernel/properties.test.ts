import { inspect } from "node:util";
import fc from "fast-check";
import { problemOf } from "svc-infra/http";
import { ConfigurationError, loadSettings, secretList, secretText, variable } from "svc-infra/kernel";
import { expect, it } from "vitest";

const schema = {
  token: variable({ name: "TOKEN", type: secretText(12), expected: "12 characters", help: "", secret: true }),
  secrets: variable({ name: "SECRETS", type: secretList(12), expected: "12 each", help: "", secret: true }),
};

/** Long enough not to occur in an error by chance. */
const secretLike = fc.string({ minLength: 6, maxLength: 30, unit: fc.constantFrom(..."QXZ0123456789~") });

it("no secret shows up anywhere, whether it was accepted or refused", () => {
  fc.assert(
    fc.property(secretLike, secretLike, (token, secret) => {
      const shown = showSettings({ TOKEN: token, SECRETS: `${secret} ${secret}` });
      expect(shown).not.toContain(token);
      expect(shown).not.toContain(secret);
    }),
  );
});

function showSettings(env: Record<string, string>): string {
  try {
    const settings = loadSettings(schema, env);
    return `${inspect(settings, { depth: 9, showHidden: true })} ${JSON.stringify(settings)}`;
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return `${inspect(error, { depth: 9, showHidden: true })} ${JSON.stringify(error)}`;
  }
}

it("any thrown value becomes a problem with an error status, and tells nothing without being asked to", () => {
  fc.assert(
    fc.property(fc.anything(), (thrown) => {
      const problem = problemOf(thrown);
      expect(problem.status).toBeGreaterThanOrEqual(400);
      expect(problem.status).toBeLessThanOrEqual(599);
      expect(problem.title).not.toBe("");
      expect(JSON.parse(JSON.stringify(problem))).toEqual(problem);
    }),
  );
});
