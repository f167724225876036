// @ts-check

/**
 * A fault of one request. Where a body is cut or corrupted is `afterBytes`, or a `share` (0 to 1) of its length.
 *
 * - `refuse`: the connection is reset before the server has seen the request.
 * - `cutUp`, `cutDown`: the connection is reset while the body goes up, or while the answer's body comes down.
 * - `loseAnswer`: the server handles the request, and the connection is reset instead of the answer.
 * - `corrupt`: one bit of the answer's body is another.
 * - `answer`: the proxy answers, and the server sees nothing.
 * - `delay`: the request waits before it goes on. `throttle`: both bodies go at most so fast.
 * - `hang`: nothing happens until the client leaves.
 *
 * @typedef {{ afterBytes: number } | { share: number }} FaultPosition
 * @typedef {{ kind: "refuse" | "loseAnswer" | "hang" }
 *   | { kind: "cutUp" | "cutDown" | "corrupt" } & FaultPosition
 *   | { kind: "answer", status: number, headers?: Readonly<Record<string, string>>, body?: string }
 *   | { kind: "delay", ms: number }
 *   | { kind: "throttle", bytesPerSecond: number }} Fault
 */

/** @typedef {Pick<import("node:http").IncomingMessage, "method" | "url" | "headers">} RequestHead */

/**
 * Makes a fault for a request, or none where the fault could not be told from no fault.
 *
 * @typedef {(random: () => number, request: RequestHead) => Fault | undefined} FaultMaker
 */

/**
 * Says which request gets which fault. Of the same seed the n-th request gets the same.
 */
export class FaultPlan {
  /** @type {Fault[]} */
  #next = [];
  /** @type {{ rate: number, makers: readonly FaultMaker[] }} */
  #mix = { rate: 0, makers: [] };
  /** @type {() => number} */
  #random;

  /** @param {number} seed */
  constructor(seed) {
    this.#random = randomNumbers(seed);
  }

  /**
   * The next requests get these faults, one each, before anything else is thought of.
   *
   * @param {readonly Fault[]} faults
   */
  next(...faults) {
    this.#next.push(...faults);
  }

  /**
   * From now on this share of the requests gets a fault, each kind as often as the others.
   *
   * @param {number} rate - 0 to 1.
   * @param {readonly FaultMaker[]} makers
   */
  mix(rate, ...makers) {
    this.#mix = { rate, makers };
  }

  /** No faults any more. */
  clear() {
    this.#next = [];
    this.#mix = { rate: 0, makers: [] };
  }

  /**
   * @param {RequestHead} request
   * @returns {Fault | undefined}
   */
  take(request) {
    const given = this.#next.shift();
    if (given !== undefined) return given;
    const { rate, makers } = this.#mix;
    if (this.#random() >= rate) return undefined;
    return makers[Math.floor(this.#random() * makers.length)]?.(this.#random, request);
  }
}

/**
 * What S3 answers to a client that asks too much.
 *
 * @param {number} retryAfterSeconds
 * @returns {Fault}
 */
export function slowDown(retryAfterSeconds) {
  const body = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
  const headers = { "content-type": "application/xml", "retry-after": String(retryAfterSeconds) };
  return { kind: "answer", status: 503, headers, body: `<?xml version="1.0" encoding="UTF-8"?>${body}` };
}

/**
 * Numbers from 0 to 1 that depend on nothing but the seed (the mixing step of SplitMix32).
 *
 * @param {number} seed
 */
function randomNumbers(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}
