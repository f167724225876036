import { createHash } from "node:crypto";
import type { Row } from "./row-store.js";

/** A strong entity tag, without quotes, of all that is in a row. */
export function rowTag(row: Row): string {
  return createHash("sha256").update(JSON.stringify(row, printable)).digest("base64url").slice(0, 27);
}

function printable(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
