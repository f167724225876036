import { afterEach, beforeEach, vi } from "vitest";

/** Time passes only when a test says so; what streams need goes on by itself. */
export function useFakeClock(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
}

/** On the clock of the test. */
export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Turns the clock until the call has ended. */
export async function ended<T>(call: Promise<T>): Promise<T> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  call.then(over, over);
  for (let turn = 0; !isOver && turn < 1000; turn++) await vi.advanceTimersByTimeAsync(5);
  return call;
}
