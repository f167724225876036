import { readFileSync } from "node:fs";
import * as storage from "svc-infra/storage";
import { StorageError, statusOfCode } from "svc-infra/storage";
import { describe, expect, it } from "vitest";

const row = /^\| `(?<code>[a-z_]+)` \| `(?<className>[A-Za-z]+)` \| (?<status>\d+) \| (?<meaning>[^|]+) \|/gm;
const documented = [...readFileSync("docs/errors.md", "utf8").matchAll(row)].map(({ groups = {} }) => groups);

/** Every error class that the package exports, made once. */
const errors = Object.values<unknown>(storage)
  .filter(isErrorClass)
  .map((errorClass) => new errorClass({ message: "made by a test" }));

function isErrorClass(value: unknown): value is new (details: { message: string }) => StorageError {
  return typeof value === "function" && value.prototype instanceof StorageError;
}

describe("docs/errors.md", () => {
  it("has each code once, and no code that is gone", () => {
    expect(documented.map(({ code }) => code).sort()).toEqual(Object.keys(statusOfCode).sort());
  });

  it("has for each code the class and the HTTP status that the code has in the program", () => {
    const actual = errors.map(({ code, name, statusCode }) => `${code} ${name} ${statusCode}`);
    const told = documented.map(({ code, className, status }) => `${code} ${className} ${status}`);
    expect(told.sort()).toEqual(actual.sort());
  });
});

it("each code has exactly one class", () => {
  expect(errors.map(({ code }) => code).sort()).toEqual(Object.keys(statusOfCode).sort());
});
