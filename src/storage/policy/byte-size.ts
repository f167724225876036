/** A number of bytes, or text like `5MB` (5,000,000) or `5MiB` (5,242,880). */
export type ByteSize = number | string;

const units: ReadonlyMap<string, number> = new Map([
  ["b", 1],
  ["kb", 1e3],
  ["mb", 1e6],
  ["gb", 1e9],
  ["kib", 2 ** 10],
  ["mib", 2 ** 20],
  ["gib", 2 ** 30],
]);

/** Bytes, or `undefined` for what is no {@link ByteSize}. */
export function parseByteSize(raw: unknown): number | undefined {
  if (typeof raw === "number") return Number.isSafeInteger(raw) && raw > 0 ? raw : undefined;
  const [, number, unit = "b"] = /^(\d{1,9}(?:\.\d{1,3})?) ?([a-z]{1,3})?$/i.exec(String(raw)) ?? [];
  const bytes = Math.round(Number(number) * (units.get(unit.toLowerCase()) ?? Number.NaN));
  return bytes > 0 ? bytes : undefined;
}
