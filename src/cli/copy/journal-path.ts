import { createHash } from "node:crypto";
import { join } from "node:path";
import type { End } from "./open-end.js";

/** Folder of the journals for which no path was given. */
export const journalFolder = "./.data/copy";

/** Says from where to where, for people and as what tells one copy from another. */
export function routeOf(from: End, to: End): string {
  return [from, to].map(({ service, path }) => `${service} ${path}`).join(" → ");
}

/** The journal of a copy: the same file for the same two ends. */
export function journalPath(from: End, to: End): string {
  const id = createHash("sha256").update(routeOf(from, to)).digest("hex").slice(0, 16);
  return join(journalFolder, `${id}.jsonl`);
}
