import type { FastifyRequest } from "fastify";
import type { Bytes } from "../contract/backend.js";
import type { Counter, WindowCount } from "./counters.js";

/** Who is counted: a tenant, a user, an address. */
export interface ByteSubjects {
  /** Names of the callers that were proved. */
  readonly callers: readonly string[];
  readonly address: string;
}

/** Most bytes that come between two counts. */
const stepBytes = 1024 * 1024;

/**
 * Limits the bytes that each tenant, user and address may upload in a window. What has come is counted, also when it is
 * refused or cut, so that nothing is gained by sending it again.
 */
export class ByteRate {
  readonly #maxBytes: number;
  readonly #counter: Counter;
  readonly #refuse: (counted: WindowCount) => Error;
  readonly #subjects = new WeakMap<FastifyRequest, ByteSubjects>();

  /**
   * @param maxBytes - of a window; 0 is no limit.
   * @param refuse - makes the error for what is over it.
   */
  constructor(maxBytes: number, counter: Counter, refuse: (counted: WindowCount) => Error) {
    this.#maxBytes = maxBytes;
    this.#counter = counter;
    this.#refuse = refuse;
  }

  /** Says whose bytes the content of a request is. */
  assign(request: FastifyRequest, subjects: ByteSubjects): void {
    if (this.#maxBytes > 0) this.#subjects.set(request, subjects);
  }

  /**
   * The content of a request, counted as it comes.
   *
   * @param size - as it was declared. What is larger than the rest of the window is refused before a byte is read.
   */
  async count(request: FastifyRequest, content: Bytes, size = 1): Promise<Bytes> {
    const subjects = this.#subjectsOf(request);
    if (subjects.length === 0) return content;
    return this.#counted(subjects, content, await this.#admit(subjects, size));
  }

  /**
   * Counts content that is sent by another request, before it is sent.
   *
   * @param prepare - makes ready for it; nothing is counted when that fails.
   * @param undo - what to do when other content was counted meanwhile, and this is too much now.
   * @param withAddress - whether the other request goes to the provider, where nothing counts it by address.
   */
  async countAhead<T>(
    request: FastifyRequest,
    size: number,
    withAddress: boolean,
    { prepare, undo }: { prepare: () => Promise<T>; undo: (prepared: T) => Promise<void> },
  ): Promise<T> {
    const subjects = this.#subjectsOf(request, withAddress);
    await this.#admit(subjects, size);
    const prepared = await prepare();
    const counted = await this.#add(subjects, size);
    if (counted === undefined || counted.amount <= this.#maxBytes) return prepared;
    await undo(prepared);
    throw this.#refuse(counted);
  }

  async *#counted(subjects: readonly string[], content: Bytes, admittedBytes: number): Bytes {
    let mostBytes = admittedBytes;
    let uncounted = 0;
    let counted: WindowCount | undefined;
    const count = async () => {
      const bytes = uncounted;
      uncounted = 0;
      counted = await this.#add(subjects, bytes);
    };
    try {
      for await (const piece of content) {
        uncounted += piece.byteLength;
        if (uncounted > mostBytes) {
          await count();
          mostBytes = this.#rest(counted);
        }
        yield piece;
      }
    } finally {
      await count();
    }
    this.#rest(counted);
  }

  async #admit(subjects: readonly string[], size: number): Promise<number> {
    const counted = await this.#add(subjects, 0);
    if (counted !== undefined && counted.amount + size > this.#maxBytes) throw this.#refuse(counted);
    return this.#rest(counted);
  }

  /** Bytes that may come before they are counted again; without a limit where nothing can count them. */
  #rest(counted: WindowCount | undefined): number {
    if (counted === undefined) return Number.POSITIVE_INFINITY;
    if (counted.amount > this.#maxBytes) throw this.#refuse(counted);
    return Math.min(this.#maxBytes - counted.amount, stepBytes);
  }

  /** @returns the subject that has most. */
  async #add(subjects: readonly string[], bytes: number): Promise<WindowCount | undefined> {
    const counts = await Promise.all(subjects.map((subject) => this.#counter.add(subject, bytes)));
    return counts.reduce(
      (most, next) => ((next?.amount ?? 0) > (most?.amount ?? 0) ? next : most),
      counts[0],
    );
  }

  #subjectsOf(request: FastifyRequest, withAddress = true): readonly string[] {
    const subjects = this.#subjects.get(request);
    if (subjects === undefined) return [];
    return withAddress ? [...subjects.callers, subjects.address] : subjects.callers;
  }
}
