import type { ObjectStat, OpenedObject } from "../../contract/backend.js";
import { Outgoing } from "./outgoing.js";
import type { ReadReply } from "./read.js";

/** An object that a thread opened: its bytes in `room`, which is copied, or a descriptor to read from. */
export function toOpened(
  stat: ObjectStat,
  { start, end, fd }: ReadReply,
  room: Uint8Array,
  signal: AbortSignal | undefined,
): OpenedObject {
  if (fd === undefined) return openedBytes(stat, start, Buffer.from(room.subarray(0, end - start)));
  const body = new Outgoing(fd, start, end, signal);
  return { stat, start, end, bytes: undefined, body, close: async () => body.close() };
}

function openedBytes(stat: ObjectStat, start: number, bytes: Uint8Array<ArrayBuffer>): OpenedObject {
  const body = { [Symbol.asyncIterator]: () => once(bytes) };
  return { stat, start, end: start + bytes.byteLength, bytes, body, close: isClosed };
}

async function* once(bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.byteLength > 0) yield bytes;
}

async function isClosed(): Promise<void> {}
