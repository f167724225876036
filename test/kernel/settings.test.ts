import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import {
  ConfigurationError,
  httpUrl,
  loadSettings,
  oneOf,
  Secret,
  secretList,
  secretText,
  text,
  variable,
  wholeNumber,
} from "svc-infra/kernel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const schema = {
  size: variable({
    name: "APP_SIZE",
    type: wholeNumber({ min: 1, max: 100 }),
    expected: "a whole number from 1 to 100",
    help: "Size.",
    default: 7,
  }),
  mode: variable({ name: "APP_MODE", type: oneOf(["a", "b"]), expected: "a or b", help: "Mode." }),
  url: variable({ name: "APP_URL", type: httpUrl, expected: "an http URL", help: "URL." }),
  folder: variable({
    name: "APP_FOLDER",
    aliases: ["OTHER_FOLDER"],
    type: text,
    expected: "a path",
    help: "Folder.",
  }),
  token: variable({
    name: "APP_TOKEN",
    aliases: ["OTHER_TOKEN"],
    type: secretText(8),
    expected: "a token of at least 8 characters",
    help: "Token.",
    secret: true,
  }),
  secrets: variable({
    name: "APP_SECRETS",
    type: secretList(4),
    expected: "secrets of at least 4 characters",
    help: "Secrets.",
    secret: true,
  }),
};

function failureOf(env: Record<string, string>, options = {}): ConfigurationError {
  try {
    loadSettings(schema, env, options);
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
  throw new Error("the settings were accepted");
}

describe("where a value comes from", () => {
  it("is the option before the environment before the default", () => {
    expect(loadSettings(schema, { APP_SIZE: "8" }, { size: 9 }).size).toBe(9);
    expect(loadSettings(schema, { APP_SIZE: "8" }).size).toBe(8);
    expect(loadSettings(schema, {}).size).toBe(7);
  });

  it("is not an empty variable and not an option that is undefined", () => {
    expect(loadSettings(schema, { APP_SIZE: "" }, { size: undefined }).size).toBe(7);
    expect(loadSettings(schema, { APP_MODE: "" }).mode).toBeUndefined();
  });

  it("is another name only when the first one is not set", () => {
    expect(loadSettings(schema, { OTHER_FOLDER: "/other" }).folder).toBe("/other");
    expect(loadSettings(schema, { APP_FOLDER: "/app", OTHER_FOLDER: "/other" }).folder).toBe("/app");
  });
});

describe("what is wrong", () => {
  it("is told all at once, by name, with what was expected and what was found", () => {
    const error = failureOf({ APP_SIZE: "101", APP_MODE: "c", APP_URL: "ftp://x" });
    expect(error.code).toBe("configuration");
    expect(error.variables).toEqual(["APP_SIZE", "APP_MODE", "APP_URL"]);
    expect(error.message).toContain('APP_SIZE: expected a whole number from 1 to 100, not "101"');
    expect(error.message).toContain('APP_MODE: expected a or b, not "c"');
  });

  it("names the option where an option is wrong", () => {
    expect(failureOf({ APP_SIZE: "5" }, { size: 0 }).variables).toEqual(["option 'size'"]);
  });

  it("is an option that the schema does not know", () => {
    expect(failureOf({}, { sice: 5 }).message).toContain("option 'sice': is not known here");
  });

  it("never shows the value of a secret", () => {
    const error = failureOf({ APP_TOKEN: "hunter2", APP_SECRETS: "long enough,abc" });
    expect(error.variables).toEqual(["APP_TOKEN", "APP_SECRETS"]);
    expect(inspect(error)).not.toMatch(/hunter2|long enough|abc/);
  });

  it("never shows user and password of a URL, however long", () => {
    const error = failureOf({ APP_URL: `ftp://shop:${"hunter2".repeat(20)}@example.com` });
    expect(error.message).toContain('not "ftp://***@example.com"');
    expect(error.message).not.toContain("hunter");
  });

  it.each(["1e1", "0x10", " 5", "5 ", "5.0", "+5", "-5", "5n", "٥"])("is %j for a whole number", (value) => {
    expect(failureOf({ APP_SIZE: value }).variables).toEqual(["APP_SIZE"]);
  });

  it.each(["localhost:8000", "//x", "http://x/?a=1", "http://x/#a", "file:///x"])(
    "is %j for a URL",
    (value) => {
      expect(failureOf({ APP_URL: value }).variables).toEqual(["APP_URL"]);
    },
  );
});

describe("secrets", () => {
  it("print as *** in text, JSON and the console, and keep their value", () => {
    const settings = loadSettings(schema, { APP_TOKEN: "hunter2-and-more", APP_SECRETS: "first second" });
    expect(`${settings.token} ${JSON.stringify(settings)} ${inspect(settings)}`).not.toMatch(
      /hunter2|first|second/,
    );
    expect(`${settings.token}`).toBe("***");
    expect(settings.token?.reveal()).toBe("hunter2-and-more");
  });

  it("come in lists separated by commas or white space, in their order", () => {
    const { secrets } = loadSettings(schema, { APP_SECRETS: " first,\n second  third," });
    expect(secrets?.map((secret) => secret.reveal())).toEqual(["first", "second", "third"]);
  });

  it("can be given as text, as Secret and as list in code", () => {
    const { token, secrets } = loadSettings(
      schema,
      {},
      { token: "12345678", secrets: ["abcd", new Secret("efgh")] },
    );
    expect(token?.reveal()).toBe("12345678");
    expect(secrets?.map((secret) => secret.reveal())).toEqual(["abcd", "efgh"]);
  });
});

describe("a secret in a file", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "settings-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function file(content: string): string {
    const path = join(folder, "secret");
    writeFileSync(path, content);
    return path;
  }

  it.each([
    ["12345678", "12345678"],
    ["12345678\n", "12345678"],
    ["12345678\r\n", "12345678"],
    ["12345678\n\n", "12345678\n"],
    ["\uFEFF12345678\n", "12345678"],
    [" 12345678 ", " 12345678 "],
  ])("loses a byte order mark, one newline at its end and nothing else: %j", (content, expected) => {
    expect(loadSettings(schema, { APP_TOKEN_FILE: file(content) }).token?.reveal()).toBe(expected);
  });

  it("works for the other names too", () => {
    expect(loadSettings(schema, { OTHER_TOKEN_FILE: file("12345678") }).token?.reveal()).toBe("12345678");
  });

  it("is an error beside the variable itself", () => {
    const error = failureOf({ APP_TOKEN: "12345678", APP_TOKEN_FILE: file("12345678") });
    expect(error.message).toMatch(/APP_TOKEN.*APP_TOKEN_FILE/);
  });

  it("is an error when it is missing, empty, or holds what is not good, by the name of its variable", () => {
    expect(failureOf({ APP_TOKEN_FILE: join(folder, "none") }).message).toMatch(/^APP_TOKEN_FILE: .*ENOENT/);
    expect(failureOf({ APP_TOKEN_FILE: file("\n") }).message).toMatch(/^APP_TOKEN_FILE: .*empty/);
    expect(failureOf({ APP_TOKEN_FILE: file("hunter2") }).message).toMatch(
      /^APP_TOKEN_FILE: expected a token/,
    );
  });

  it("is not looked for where the setting is no secret", () => {
    expect(loadSettings(schema, { APP_FOLDER_FILE: join(folder, "none") }).folder).toBeUndefined();
  });
});

it("settings are frozen, lists included", () => {
  const settings = loadSettings(schema, { APP_SECRETS: "first" });
  expect(Object.isFrozen(settings)).toBe(true);
  expect(Object.isFrozen(settings.secrets)).toBe(true);
});
