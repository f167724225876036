import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { appEnvOf, ConfigurationError, readEnvironment, sourceOf, withDefaults } from "svc-infra/kernel";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

describe("readEnvironment", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "env-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("takes from the file what the process does not have", () => {
    const file = join(folder, ".env");
    writeFileSync(file, '# a comment\nA=file\nB="file with spaces"\n');
    const env = readEnvironment(file, { A: "process" });
    expect({ A: env.A, B: env.B }).toEqual({ A: "process", B: "file with spaces" });
    expect(Object.keys(env).sort()).toEqual(["A", "B"]);
  });

  it("drops the byte order mark of the file", () => {
    const file = join(folder, ".env");
    writeFileSync(file, "\uFEFFA=file\n");
    expect(Object.entries(readEnvironment(file, {}))).toEqual([["A", "file"]]);
  });

  it("knows where each value comes from, in copies too", () => {
    const file = join(folder, ".env");
    writeFileSync(file, "A=file\nB=file\nC_FILE=/secret\n");
    const env = withDefaults(readEnvironment(file, { A: "process" }), { D: "default" });
    expect(["A", "B", "C", "D", "E"].map((name) => sourceOf({ ...env }, name))).toEqual([
      "process",
      "file",
      "file",
      "process",
      undefined,
    ]);
    expect(sourceOf({ A: "x" }, "A")).toBe("process");
  });

  it("is the process alone when there is no file", () => {
    expect(readEnvironment(join(folder, ".env"), { A: "process" })).toEqual({ A: "process" });
  });

  it("refuses a file that cannot be read, by its name", () => {
    const file = join(folder, ".env");
    mkdirSync(file);
    expect(() => readEnvironment(file, {})).toThrow(ConfigurationError);
    expect(() => readEnvironment(file, {})).toThrow(/\.env: cannot be read \(EISDIR\)/);
  });

  it("leaves the process as it was", () => {
    const file = join(folder, ".env");
    writeFileSync(file, "SVC_INFRA_TEST_ONLY=1\n");
    readEnvironment(file);
    expect(process.env).not.toHaveProperty("SVC_INFRA_TEST_ONLY");
  });
});

describe("appEnvOf", () => {
  it.each([
    ["local", "local"],
    ["dev", "dev"],
    ["development", "dev"],
    ["test", "test"],
    ["testing", "test"],
    ["ci", "test"],
    ["prod", "prod"],
    ["production", "prod"],
    ["staging", "prod"],
    ["Production", "prod"],
  ])("takes %s for %s", (word, expected) => {
    expect(appEnvOf({ APP_ENV: word })).toBe(expected);
    expect(appEnvOf({ NODE_ENV: word })).toBe(expected);
  });

  it("looks at APP_ENV before NODE_ENV, and is local without both", () => {
    expect(appEnvOf({ APP_ENV: "dev", NODE_ENV: "production" })).toBe("dev");
    expect(appEnvOf({ APP_ENV: "", NODE_ENV: "production" })).toBe("prod");
    expect(appEnvOf({})).toBe("local");
  });

  it("refuses a word that it does not know, rather than switch safety off", () => {
    expect(() => appEnvOf({ APP_ENV: "prodd" })).toThrow(/^APP_ENV: expected one of local, .*prod/);
    expect(() => appEnvOf({ NODE_ENV: "qa" })).toThrow(/^NODE_ENV: .*APP_ENV/);
  });
});

it("withDefaults fills what is absent or empty and nothing else", () => {
  expect(withDefaults({ A: "set", B: "" }, { A: "x", B: "y", C: "z" })).toEqual({ A: "set", B: "y", C: "z" });
});
