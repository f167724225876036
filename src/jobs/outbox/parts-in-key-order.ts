import type { OutboxRow } from "./outbox-rows.js";

/**
 * Divides rows into parts that are relayed one after the other. In a part all rows of one key have the same kind of work, so
 * that work which takes many rows at once overtakes no earlier row of a key.
 */
export function partsInKeyOrder(
  rows: readonly OutboxRow[],
  kindOf: (row: OutboxRow) => string,
): readonly (readonly OutboxRow[])[] {
  const parts: OutboxRow[][] = [];
  const lastOfKey = new Map<string, { readonly part: number; readonly kind: string }>();
  for (const row of rows) {
    const kind = kindOf(row);
    const last = row.key === null ? undefined : lastOfKey.get(row.key);
    const part = last === undefined ? 0 : last.part + (last.kind === kind ? 0 : 1);
    if (row.key !== null) lastOfKey.set(row.key, { part, kind });
    parts[part] ??= [];
    parts[part].push(row);
  }
  return parts;
}
