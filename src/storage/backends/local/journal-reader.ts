import { closeSync, readdirSync, readFileSync } from "node:fs";
import { isGone, isOfThisHost } from "./holder.js";
import { isSealed, ownerOfJournal } from "./journal-name.js";
import { maxJournalMs } from "./journal-writer.js";
import type { Layout } from "./layout.js";
import { type ObjectRecord, parsePending } from "./record.js";
import { lstatIfThere, openIfThere } from "./whole-file.js";

/** By then Linux has written sidecars back by itself (`vm.dirty_expire_centisecs`, 30 s), and to sync them takes little. */
const writtenBackMs = 40_000;
/** Time without a new line after which a journal is over wherever its process lives: far beyond {@link maxJournalMs}. */
const foreignStaleMs = 6 * maxJournalMs;

/** A journal that was found. */
export interface Journal {
  readonly path: string;
  /** Its process lived on another host, or on this one before the power may have failed. */
  readonly isForeign: boolean;
  /** Nobody adds to it any more. */
  readonly isOver: boolean;
}

/** A record as a journal has it. */
export interface NotedRecord {
  readonly key: string;
  readonly record: ObjectRecord;
  readonly text: string;
}

/** The journals of a store, whosever they are. */
export function journalsIn(layout: Layout): Journal[] {
  return readdirSync(layout.journals).flatMap((name) => journalAt(layout, name) ?? []);
}

/** The journal with this name, if it is one. */
export function journalAt(layout: Layout, name: string): Journal | undefined {
  const path = layout.journal(name);
  const owner = ownerOfJournal(name);
  const stats = lstatIfThere(path);
  if (owner === undefined || !stats?.isFile()) return undefined;
  const ageMs = Date.now() - stats.mtimeMs;
  const isOver = isGone(owner, ageMs, foreignStaleMs) || (isSealed(name) && ageMs > writtenBackMs);
  return { path, isForeign: !isOfThisHost(owner), isOver };
}

/**
 * None where there is no journal any more: somebody else has made its records durable. Lines that were torn when the
 * power failed are passed over: none of their writes was acknowledged.
 */
export function recordsIn(path: string): NotedRecord[] {
  const fd = openIfThere(path);
  if (fd === undefined) return [];
  try {
    const lines = readFileSync(fd, "utf8").split("\n");
    return lines.flatMap((text) => parse(text) ?? []);
  } finally {
    closeSync(fd);
  }
}

function parse(text: string): NotedRecord | undefined {
  const pending = parsePending(text);
  return pending?.record && { key: pending.key, record: pending.record, text };
}
