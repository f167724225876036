import { closeSync } from "node:fs";
import type { WriteConditions } from "../../contract/backend.js";
import type { Running } from "./job-state.js";
import { publish } from "./publish.js";
import { type RecordDraft, recordText } from "./record.js";
import type { Store } from "./store.js";
import { discardQuietly } from "./whole-file.js";

/** What every write says besides its bytes. */
export interface WriteJob extends WriteConditions {
  readonly key: string;
}

/** A body that was written by streaming. Descriptor and file stay the asker's, who may ask again. */
export interface StreamedJob extends WriteJob {
  readonly temp: string;
  readonly fd: number;
}

/** Publishes what has been streamed into a temporary file; resolves to its stamp. */
export function putStreamed(store: Store, job: Running<StreamedJob>, record: Buffer): number {
  const { key, ifAbsent, ifMatch, state, temp, fd } = job;
  return publish(store, { key, ifAbsent, ifMatch, state, record, content: { temp, fd } });
}

/** Publishes a temporary file that is filled here; closes `fd`, and leaves no file behind when that fails. */
export function putFile(
  store: Store,
  { key, ifAbsent, ifMatch, state }: Running<WriteJob>,
  temp: string,
  fd: number,
  fill: () => RecordDraft,
): number {
  try {
    const draft = fill();
    const record = Buffer.from(recordText(key, store.holderText, draft));
    return publish(store, { key, ifAbsent, ifMatch, state, record, content: { temp, fd } });
  } catch (error) {
    discardQuietly(temp);
    throw error;
  } finally {
    closeSync(fd);
  }
}
