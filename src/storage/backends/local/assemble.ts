import { closeSync, openSync, readSync } from "node:fs";
import { ChecksumBuilder } from "../../contract/checksum.js";
import { checkOwnFolders } from "./folders.js";
import type { JobState, Running } from "./job-state.js";
import { folderOf } from "./layout.js";
import type { RealFolders } from "./real-folders.js";
import type { Described, RecordDraft } from "./record.js";
import type { Store } from "./store.js";
import { createFlags, fileMode, readFlags, writeAll } from "./whole-file.js";
import { putFile, type WriteJob } from "./write.js";

/** An upload whose parts become one object; size and checksum of the draft are found out here. */
export interface AssembleJob extends WriteJob {
  readonly draft: RecordDraft;
  readonly parts: readonly string[];
}

const pieceBytes = 1024 * 1024;

/** Joins the parts of an upload into one object. */
export function assemble(store: Store, job: Running<AssembleJob>): Described {
  checkOwnFolders(store);
  const temp = store.newTemp();
  const fd = openSync(temp, createFlags, fileMode);
  let draft = job.draft;
  const stampUs = putFile(store, job, temp, fd, () => {
    draft = { ...draft, ...joinParts(fd, job.parts, store.realFolders, job.state) };
    return draft;
  });
  const record = { ...draft, stampUs };
  return { file: record, record };
}

function joinParts(
  target: number,
  parts: readonly string[],
  realFolders: RealFolders,
  state: JobState,
): Pick<RecordDraft, "size" | "checksum"> {
  const builder = new ChecksumBuilder("crc32");
  const onPiece = (piece: Uint8Array) => builder.update(piece);
  let size = 0;
  for (const part of parts) {
    realFolders.refuseLinks(folderOf(part));
    const fd = openSync(part, readFlags);
    try {
      size += appendFile(target, fd, state, onPiece);
    } finally {
      closeSync(fd);
    }
  }
  return { size, checksum: builder.digest() };
}

/** Appends what is left of an open file, and says how many bytes that was; ends early when the job is called off. */
export function appendFile(
  target: number,
  source: number,
  state: JobState,
  onPiece?: (piece: Uint8Array) => void,
): number {
  const room = Buffer.allocUnsafeSlow(pieceBytes);
  let size = 0;
  for (let length = readSync(source, room); length > 0; length = readSync(source, room)) {
    state.step();
    const piece = room.subarray(0, length);
    onPiece?.(piece);
    writeAll(target, piece);
    size += length;
  }
  return size;
}
