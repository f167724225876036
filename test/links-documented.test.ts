import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

const pages = [
  "README.md",
  "CHANGELOG.md",
  "ARCHITECTURE.md",
  ...readdirSync("docs", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];

/** What the package has; the rest of the repository is not published. */
const isPublished = (path: string) => path.startsWith("docs/") || pages.includes(path) || path === "LICENSE";
const isShownOnly = (path: string) => /^(?:examples|bench|src|test)\b/.test(path);

function prose(page: string): string {
  return readFileSync(page, "utf8").replace(/```.*?```/gs, "");
}

/** Anchors as GitHub and npm make them of headings. */
function anchorsOf(page: string): readonly string[] {
  return [...prose(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function brokenLinks(page: string): readonly string[] {
  const links = [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
  return links.filter((link) => {
    if (/^(?:https?|mailto):/.test(link)) return false;
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? page : normalize(join(dirname(page), path));
    if (!existsSync(target) || !(isPublished(target) || isShownOnly(target))) return true;
    return anchor !== undefined && !anchorsOf(target).includes(anchor);
  });
}

describe("every link of a page leads to a file, and to a heading that it has", () => {
  it.each(pages)("%s", (page) => {
    expect(brokenLinks(page)).toEqual([]);
  });
});
