import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { backendVariables } from "#dist/storage/backends.js";
import { storageVariables } from "#dist/storage/settings.js";
import { storageReference } from "../scripts/reference.js";

const { text, faults } = storageReference();

describe("docs/reference/storage.md", () => {
  it("is what the TSDoc says; `node scripts/reference.js` writes it", () => {
    expect(readFileSync("docs/reference/storage.md", "utf8")).toBe(text);
  });

  it("has text for every public member and option, and an example for every method of Storage", () => {
    expect(faults).toEqual([]);
  });

  it("says of each setting what the documentation of its variable says", () => {
    const plain = text.replaceAll("\\|", "|");
    for (const schema of [storageVariables, ...Object.values(backendVariables)]) {
      for (const { name, help } of Object.values(schema)) {
        expect(plain).toContain(help);
        expect(plain).toContain(`Variable: \`${name}\`.`);
      }
    }
  });

  it("has the methods, the options and the settings of each backend", () => {
    for (const heading of [
      "### `put(key, content, options?)`",
      "### `getUrls(keys, options?)`",
      "### `forTenant(id)`",
      "### PutOptions",
      "### AddStorageOptions",
      "### PublicFilesRules",
      "### RateLimits",
      "### Transform",
      "### PolicyOptions",
      "### ClamavOptions",
      "### `clamav(options?)`",
      "### UploadOptions",
      "### `upload(file, options)`",
      "### `storagePlugin`",
      "## RetryBudget",
      '### easyStorage({ backend: "s3" })',
      '### easyStorage({ backend: "cloudinary" })',
    ]) {
      expect(text).toContain(`${heading}\n`);
    }
    expect(text).toContain("`STORAGE_S3_BUCKET`");
    expect(text).not.toMatch(/undefined\(|\[object/);
  });
});
