import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { capabilitiesPage, rows } from "../scripts/capabilities.js";

describe("docs/capabilities.md", () => {
  it("is what the backends say; `node scripts/capabilities.js` writes it", () => {
    expect(readFileSync("docs/capabilities.md", "utf8")).toBe(capabilitiesPage());
  });

  it("has every backend there is", () => {
    const types = new Set(rows.map(({ backend }) => backend.type));
    expect([...types].sort()).toEqual(readdirSync("src/storage/backends").sort());
  });

  it("has a value for every capability of every service", () => {
    const table = capabilitiesPage()
      .split("\n")
      .filter((line) => line.startsWith("| "));
    expect(new Set(table.map((line) => line.split(" | ").length)).size).toBe(1);
    expect(table.join()).not.toMatch(/undefined|NaN/);
  });
});
