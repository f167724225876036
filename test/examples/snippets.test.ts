import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";

const pages = [
  "README.md",
  "ARCHITECTURE.md",
  ...readdirSync("docs", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];
describe.each(pages)("%s", (page) => {
  test("links to what there is", () => {
    const targets = [...readFileSync(page, "utf8").matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)];
    const missing = targets
      .map(([, target = ""]) => target)
      .filter((target) => !existsSync(join(dirname(page), target)));
    expect(missing).toEqual([]);
  });
});
