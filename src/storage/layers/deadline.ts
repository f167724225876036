import { getEventListeners } from "node:events";
import { TimeoutError } from "../contract/error.js";

/** A deadline is checked this often while it lasts: it fires late by an eighth of its time at most. */
const ticksPerTimeout = 8;
const maxTickMs = 250;

/** Controllers that are kept for the next call. */
const maxKept = 256;

/**
 * Where Node 20 and 22 keep what `AbortSignal.any` derives from a signal. Where it cannot be seen, as in later versions, a
 * signal serves one call; there it costs less than the test.
 */
const dependants = newSymbol(new AbortController().signal, (signal) => AbortSignal.any([signal]));

/**
 * The deadlines of all calls of one layer, on one coarse clock. A call costs neither a timer nor a new signal: the
 * clock runs while there are calls, and a signal that has not fired, and that nothing listens to or is derived from,
 * serves the next one.
 */
export class DeadlineClock {
  readonly timeoutMs: number;
  readonly #tickMs: number;
  /** Ticks after which `timeoutMs` have passed for certain. */
  readonly #lifetime: number;
  readonly #running = new Set<Deadline>();
  readonly #kept: Controller[] = [];
  #timer: NodeJS.Timeout | undefined;
  #now = 0;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
    this.#tickMs = Math.min(maxTickMs, Math.max(1, Math.ceil(timeoutMs / ticksPerTimeout)));
    this.#lifetime = Math.ceil(timeoutMs / this.#tickMs) + 1;
  }

  /** Ticks so far. */
  get now(): number {
    return this.#now;
  }

  /** A deadline that begins now, and that fires early when the outer signal does. */
  start(outer: AbortSignal | undefined): Deadline {
    const deadline = new Deadline(this, this.#controller(), outer);
    this.#running.add(deadline);
    this.#timer ??= setTimeout(() => this.#tick(), this.#tickMs);
    return deadline;
  }

  end(deadline: Deadline, controller: Controller): void {
    this.#running.delete(deadline);
    if (!controller.isSpent && this.#kept.length < maxKept) this.#kept.push(controller);
  }

  /** One that is free of earlier calls. */
  #controller(): Controller {
    const kept = this.#kept.pop();
    return kept?.isReusable ? kept : new Controller();
  }

  /** The clock stops at the first tick that finds no call. */
  #tick(): void {
    this.#now += 1;
    for (const deadline of this.#running) {
      if (this.#now - deadline.movedAt >= this.#lifetime) deadline.expire();
    }
    this.#timer = this.#running.size === 0 ? undefined : setTimeout(() => this.#tick(), this.#tickMs);
  }
}

/** An `AbortController` that serves one call after the other, unless the backend may still look at its signal. */
class Controller extends AbortController {
  /** Whether it can never serve again. */
  get isSpent(): boolean {
    return dependants === undefined || this.signal.aborted || dependants in this.signal;
  }

  get isReusable(): boolean {
    return !this.isSpent && getEventListeners(this.signal, "abort").length === 0;
  }
}

/** The symbol of a property that an object gains by a change. */
function newSymbol<T extends object>(target: T, change: (target: T) => void): symbol | undefined {
  const known = new Set(Object.getOwnPropertySymbols(target));
  change(target);
  return Object.getOwnPropertySymbols(target).find((each) => !known.has(each));
}

/**
 * Fires when there is no progress for the time of its clock, or when the outer signal fires. Between {@link pause} and
 * {@link progress} time does not count. {@link end} releases the clock and the outer signal.
 */
export class Deadline {
  /** Tick of the last progress. */
  movedAt: number;
  /** Called once, with the reason, when the deadline fires before it is ended. */
  whenFired: ((reason: unknown) => void) | undefined;
  readonly #clock: DeadlineClock;
  readonly #controller: Controller;
  readonly #outer: AbortSignal | undefined;
  #onAbort: (() => void) | undefined;
  #isOver = false;

  constructor(clock: DeadlineClock, controller: Controller, outer: AbortSignal | undefined) {
    this.#clock = clock;
    this.#controller = controller;
    this.#outer = outer;
    this.movedAt = clock.now;
    if (outer !== undefined) this.#follow(outer);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something happened: the time begins anew. */
  progress(): void {
    this.movedAt = this.#clock.now;
  }

  /** Nothing is being waited for. */
  pause(): void {
    this.movedAt = Number.POSITIVE_INFINITY;
  }

  /** The outcome of the work, for which the clock runs, or the reason of the deadline if that fires first. */
  next<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const { signal } = this.#controller;
      if (signal.aborted) return reject(signal.reason);
      this.progress();
      this.whenFired = reject;
      work().then((result) => {
        this.pause();
        resolve(result);
      }, reject);
    });
  }

  /** The time is over. */
  expire(): void {
    this.pause();
    this.#fire(new TimeoutError({ message: `no progress for ${this.#clock.timeoutMs} ms` }));
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#onAbort !== undefined) this.#outer?.removeEventListener("abort", this.#onAbort);
    this.#clock.end(this, this.#controller);
  }

  #fire(reason: unknown): void {
    if (this.#controller.signal.aborted) return;
    this.#controller.abort(reason);
    if (!this.#isOver) this.whenFired?.(reason);
  }

  #follow(outer: AbortSignal): void {
    this.#onAbort = () => this.#fire(outer.reason);
    if (outer.aborted) this.#onAbort();
    else outer.addEventListener("abort", this.#onAbort, { once: true });
  }
}
