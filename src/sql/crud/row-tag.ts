import { hash } from "node:crypto";
import type { Row } from "./row-store.js";

/** A strong entity tag, without quotes, of all that is in a row. */
export function rowTag(row: Row): string {
  return hash("sha256", print(row), "base64url").slice(0, 27);
}

/** JSON with a replacer takes several times as long, so it is given only where it is needed. */
function print(row: Row): string {
  const hasBigint = Object.values(row).some((value) => typeof value === "bigint");
  return hasBigint ? JSON.stringify(row, printable) : JSON.stringify(row);
}

function printable(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
