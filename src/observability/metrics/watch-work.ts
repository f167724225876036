import { channel, tracingChannel } from "node:diagnostics_channel";

/** One piece of work that has ended. */
export interface EndedWork<Facts> {
  readonly facts: Facts;
  readonly durationSeconds: number;
  /** With a failure. */
  readonly error: unknown;
  /** With success. */
  readonly result: unknown;
}

/** What is told of work. */
export interface WorkWatcher<Facts> {
  began?(facts: Facts): void;
  ended(work: EndedWork<Facts>): void;
}

/**
 * Subscribes to a tracing channel of the kit.
 *
 * @returns what ends the subscription.
 */
export function watchWork<Facts extends object>(name: string, watcher: WorkWatcher<Facts>): () => void {
  const work = tracingChannel<unknown, Facts>(name);
  const startedAt = new WeakMap<object, number>();
  const start = (facts: unknown) => {
    startedAt.set(facts as Facts, performance.now());
    watcher.began?.(facts as Facts);
  };
  const asyncEnd = (context: unknown) => {
    const facts = context as Facts & { error?: unknown; result?: unknown };
    const began = startedAt.get(facts);
    if (began === undefined) return;
    const durationSeconds = (performance.now() - began) / 1000;
    watcher.ended({ facts, durationSeconds, error: facts.error, result: facts.result });
  };
  work.start.subscribe(start);
  work.asyncEnd.subscribe(asyncEnd);
  return () => {
    work.start.unsubscribe(start);
    work.asyncEnd.unsubscribe(asyncEnd);
  };
}

/** Subscribes to a plain channel of the kit. Returns what ends the subscription. */
export function watchNews<News>(name: string, listener: (news: News) => void): () => void {
  const news = channel(name);
  const subscriber = (message: unknown) => listener(message as News);
  news.subscribe(subscriber);
  return () => void news.unsubscribe(subscriber);
}
