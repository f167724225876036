import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./prepare.js";

/**
 * Has TypeScript pass over what a declaration says of an optional peer that is not installed: its types are `any` then.
 * Without this a strict project (`skipLibCheck: false`) that wants files only would have to install the database driver.
 */
const mark = "// @ts-nocheck\n";

/** Marks every declaration that names an optional peer. */
export function markDeclarations() {
  const { peerDependenciesMeta } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const peers = Object.keys(peerDependenciesMeta);
  const isPeer = (specifier) => peers.some((peer) => specifier === peer || specifier.startsWith(`${peer}/`));
  for (const file of declarations()) {
    const text = readFileSync(file, "utf8");
    const specifiers = [...text.matchAll(/(?:from |import\()"([^"]+)"/g)].map(([, specifier]) => specifier);
    if (!text.startsWith(mark) && specifiers.some(isPeer)) writeFileSync(file, mark + text);
  }
}

function declarations() {
  const dist = join(root, "dist");
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" });
  return files.filter((file) => file.endsWith(".d.ts")).map((file) => join(dist, file));
}
