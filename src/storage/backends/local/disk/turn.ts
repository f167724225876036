/** Time in milliseconds for which the calls of one turn of the event loop may block; the others wait for the next turn. */
const maxTurnMs = 5;
const waiting: (() => void)[] = [];
let startMs: number | undefined;

/**
 * Short system calls are made in the main thread. A chain of calls that each go on at once would keep requests and timers
 * waiting, so a call waits here when those before it have used up the turn of the event loop, in the order of arrival.
 *
 * @returns `undefined` when there is nothing to wait for.
 */
export function waitForTurn(): Promise<void> | undefined {
  if (waiting.length === 0 && hasTime()) return undefined;
  return new Promise((resolve) => waiting.push(resolve));
}

function hasTime(): boolean {
  const nowMs = performance.now();
  if (startMs === undefined) {
    startMs = nowMs;
    setImmediate(endTurn);
  }
  return nowMs - startMs < maxTurnMs;
}

function endTurn(): void {
  startMs = undefined;
  if (waiting.length > 0) releaseNext();
}

/** Each waiter runs before the next is released. */
function releaseNext(): void {
  if (!hasTime()) return;
  waiting.shift()?.();
  if (waiting.length > 0) queueMicrotask(releaseNext);
}
