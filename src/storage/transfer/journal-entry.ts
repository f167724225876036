import type { FilePair } from "./pair-files.js";

/** What was known of an object when both ends had the same; times in milliseconds since the epoch. */
export interface JournalEntry {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** When it was last modified at the source, as its listing says. */
  readonly sourceMs: number;
  /** When it was last modified at the target, as its listing says, or else its answer to the write. */
  readonly targetMs: number;
  /** When the answer to the write came; `undefined` of what was there already. */
  readonly writtenMs: number | undefined;
  /** When this was noted. */
  readonly notedMs: number;
  /** Whether the target's content was read back. */
  readonly isVerified: boolean;
}

/** Services round times to whole seconds, each at a place of its own. */
const roundingMs = 2000;
/** An answer and a listing round the same time each in its own way. */
const roundingOfAnswerMs = 1000;
/** How long before the end of a journal an entry must be for changes behind that end to show. */
const settlingMs = 3000;

/**
 * True when an object that is listed like this cannot have changed since it was noted.
 *
 * @param lastNotedMs - when the journal's last entry was noted.
 */
export function isStill(entry: JournalEntry, { source, target }: FilePair, lastNotedMs: number): boolean {
  if (target === undefined || source.size !== entry.size || target.size !== entry.size) return false;
  if (source.lastModified.getTime() !== entry.sourceMs) return false;
  const targetMs = target.lastModified.getTime();
  const { writtenMs = entry.notedMs } = entry;
  if (targetMs === entry.targetMs && isTelling(targetMs, writtenMs)) return true;
  return isOfNoted(entry, targetMs) && lastNotedMs - entry.notedMs > settlingMs;
}

/**
 * True when a later change would have another time.
 *
 * @param seenMs - when the object was described.
 */
export function isTelling(modifiedMs: number, seenMs: number): boolean {
  return !isRounded(modifiedMs) || seenMs - modifiedMs > roundingMs;
}

/** True for the time that was listed, or for one between the beginning of the write and the answer to it. */
function isOfNoted({ targetMs, writtenMs }: JournalEntry, listedMs: number): boolean {
  if (writtenMs === undefined) return listedMs === targetMs;
  const lastMs = Math.max(targetMs, writtenMs) + roundingOfAnswerMs;
  return listedMs >= targetMs - roundingOfAnswerMs && listedMs <= lastMs;
}

function isRounded(timeMs: number): boolean {
  return timeMs % 1000 === 0;
}

/** One line, without its end. */
export function formatEntry(entry: JournalEntry): string {
  return JSON.stringify(entry);
}

/** Reads what {@link formatEntry} wrote; `undefined` for anything else, such as half a line. */
export function parseEntry(line: string): JournalEntry | undefined {
  const { key, size, sourceMs, targetMs, writtenMs, notedMs, isVerified } = parseFields(line);
  if (typeof key !== "string" || typeof isVerified !== "boolean") return undefined;
  if (!isCount(size) || !isCount(sourceMs) || !isCount(targetMs) || !isCount(notedMs)) return undefined;
  if (writtenMs !== undefined && !isCount(writtenMs)) return undefined;
  return { key, size, sourceMs, targetMs, writtenMs, notedMs, isVerified };
}

/** The fields of a line of JSON; none when it is no object. */
export function parseFields(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value);
}
