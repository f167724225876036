import { closeSync, fdatasyncSync, fsyncSync, openSync } from "node:fs";

/** Something that must be on the disk before a job may go on. */
export type Sync = { readonly file: number } | { readonly folder: string };

/**
 * A job that pauses wherever something must be durable. Jobs of a batch pause together, so what several of
 * them wait for is synced once. No job may wait for another one of its batch.
 */
export type Steps<T> = Generator<Sync, T, void>;

/** How a job ended. */
export type Outcome<T> = { readonly value: T } | { readonly error: unknown };

interface Running<T> {
  readonly steps: Steps<T>;
  readonly index: number;
  failure: { readonly error: unknown } | undefined;
  sync: Sync | undefined;
}

/** Runs jobs together to their end. With `isDurable` false nothing is synced, and the order stays the same. */
export function runTogether<T>(jobs: readonly Steps<T>[], isDurable: boolean): Outcome<T>[] {
  const outcomes: Outcome<T>[] = [];
  let running = jobs.map(
    (steps, index): Running<T> => ({ steps, index, failure: undefined, sync: undefined }),
  );
  while (running.length > 0) {
    running = running.filter((job) => advance(job, outcomes, isDurable));
    if (running.length > 0) syncAll(running);
  }
  return outcomes;
}

/** Runs the job to its next sync; `false` when it has ended. */
function advance<T>(job: Running<T>, outcomes: Outcome<T>[], isDurable: boolean): boolean {
  try {
    let step = job.failure === undefined ? job.steps.next() : job.steps.throw(job.failure.error);
    while (!step.done && !isDurable) step = job.steps.next();
    if (!step.done) {
      job.sync = step.value;
      job.failure = undefined;
      return true;
    }
    outcomes[job.index] = { value: step.value };
  } catch (error) {
    outcomes[job.index] = { error };
  }
  return false;
}

function syncAll<T>(jobs: readonly Running<T>[]): void {
  const done = new Map<string | number, { readonly error: unknown } | undefined>();
  for (const job of jobs) {
    if (job.sync === undefined) continue;
    const target = "file" in job.sync ? job.sync.file : job.sync.folder;
    if (!done.has(target)) done.set(target, trySync(job.sync));
    job.failure = done.get(target);
  }
}

function trySync(sync: Sync): { readonly error: unknown } | undefined {
  try {
    if ("file" in sync) fdatasyncSync(sync.file);
    else syncFolder(sync.folder);
    return undefined;
  } catch (error) {
    return { error };
  }
}

/** A folder that is gone has nothing left to keep: whoever removed it syncs its parent. */
function syncFolder(path: string): void {
  const fd = openIfThere(path);
  if (fd === undefined) return;
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
