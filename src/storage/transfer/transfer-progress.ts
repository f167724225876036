import type { StorageError } from "../contract/error.js";

/** Objects, and their bytes. */
export interface Amount {
  readonly objects: number;
  readonly bytes: number;
}

/** An object that could not be copied. */
export interface TransferFailure {
  readonly key: string;
  readonly error: StorageError;
}

/** How many were left out, and the first of their names. */
export interface LeftOut {
  readonly count: number;
  readonly names: readonly string[];
}

const maxNames = 100;

/** What a transfer has done so far. */
export interface TransferState {
  readonly copied: Amount;
  readonly unchanged: Amount;
  readonly failures: readonly TransferFailure[];
  /** Objects of the source whose names are no keys, which cannot be copied. */
  readonly leftOut: LeftOut;
  /** Bytes of objects that are being copied at this moment. */
  readonly bytesUnderWay: number;
  /** All of the source; `undefined` until it has been counted. */
  readonly total: Amount | undefined;
}

/** Counts what a transfer does. */
export class TransferProgress implements TransferState {
  copied: Amount = { objects: 0, bytes: 0 };
  unchanged: Amount = { objects: 0, bytes: 0 };
  readonly failures: TransferFailure[] = [];
  leftOut: LeftOut = { count: 0, names: [] };
  bytesUnderWay = 0;
  total: Amount | undefined;

  addCopied(bytes: number): void {
    this.copied = plus(this.copied, bytes);
  }

  addLeftOut(name: string): void {
    const { count, names } = this.leftOut;
    this.leftOut = { count: count + 1, names: count < maxNames ? [...names, name] : names };
  }

  addUnchanged(bytes: number): void {
    this.unchanged = plus(this.unchanged, bytes);
  }
}

/** The amount with one more object. */
export function plus({ objects, bytes }: Amount, more: number): Amount {
  return { objects: objects + 1, bytes: bytes + more };
}
