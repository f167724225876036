import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import type { Writable } from "node:stream";
import { crc32 } from "node:zlib";

export const mebibyte = 1024 * 1024;
const piece = Buffer.alloc(mebibyte, "0123456789abcdef");

/** Resident memory of another process, in MiB (proc(5)). */
export async function residentMiB(pid: number): Promise<{ now: number; peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+([0-9]+) kB`, "m").exec(status)?.[1]) / 1024;
  return { now: read("VmRSS"), peak: read("VmHWM") };
}

/** Lets the peak of another process begin anew with what is resident now. */
export async function forgetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, "5");
}

/** Every mebibyte is another, so that none can take the place of another. */
export function pieceOf(index: number): Buffer {
  const bytes = Buffer.from(piece);
  bytes.writeUInt32BE(index);
  return bytes;
}

/** The CRC-32 of that many pieces. */
export function crcOf(sizeMiB: number): number {
  let sum = 0;
  for (let index = 0; index < sizeMiB; index += 1) sum = crc32(pieceOf(index), sum);
  return sum;
}

/** Writes the pieces from one up to another, as fast as they are taken. */
export async function writePieces(target: Writable, start: number, end: number): Promise<void> {
  for (let index = start; index < end; index += 1) {
    if (!target.write(pieceOf(index))) await once(target, "drain");
  }
}
