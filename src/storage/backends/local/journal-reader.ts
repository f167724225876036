import { readdirSync, readFileSync } from "node:fs";
import { isGone, isOfThisBoot } from "./holder.js";
import { isFull, ownerOfJournal } from "./journal-name.js";
import { maxJournalMs } from "./journal-writer.js";
import type { Layout } from "./layout.js";
import { type ObjectRecord, parsePending } from "./record.js";
import { lstatIfThere } from "./whole-file.js";

/** By then Linux has written sidecars back by itself (`vm.dirty_expire_centisecs`, 30 s), and to sync them takes little. */
const writtenBackMs = 40_000;
/** Time without a new line after which a journal is over wherever its process lives: far beyond {@link maxJournalMs}. */
const foreignStaleMs = 6 * maxJournalMs;

/** A journal that was found. */
export interface Journal {
  readonly path: string;
  readonly size: number;
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
  const isOver = isGone(owner, ageMs, foreignStaleMs) || (isFull(name) && ageMs > writtenBackMs);
  return { path, size: stats.size, isForeign: !isOfThisBoot(owner), isOver };
}

/** Lines that were torn when the power failed are passed over: none of their writes was acknowledged. */
export function recordsIn(path: string): NotedRecord[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((text) => parse(text) ?? []);
}

function parse(text: string): NotedRecord | undefined {
  const pending = parsePending(text);
  return pending?.record && { key: pending.key, record: pending.record, text };
}
