import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";

const pages = [
  "README.md",
  "CHANGELOG.md",
  "ARCHITECTURE.md",
  ...["docs", "examples"].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".md"))
      .map((name) => join(folder, name)),
  ),
];

/** What the package has: `files` of package.json, and what npm adds. */
const { files } = z
  .object({ files: z.array(z.string()) })
  .parse(JSON.parse(readFileSync("package.json", "utf8")));
const published = ["README.md", "LICENSE", ...files];
const isPublished = (path: string) => published.some((each) => path === each || path.startsWith(`${each}/`));

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
    if (!existsSync(target) || !isPublished(target)) return true;
    return anchor !== undefined && !anchorsOf(target).includes(anchor);
  });
}

describe("every link of a page leads to a file, and to a heading that it has", () => {
  it.each(pages)("%s", (page) => {
    expect(brokenLinks(page)).toEqual([]);
  });
});
