import { tracingChannel } from "node:diagnostics_channel";

/**
 * Tells the process about one kind of work, through a tracing channel of `node:diagnostics_channel`: `tracing:NAME:start`
 * when it begins, `tracing:NAME:asyncEnd` when it has ended, with `result` or `error` added to the facts. A feature
 * publishes and knows no subscriber; without one the work costs nothing more and no facts are made.
 *
 * @example
 * const queries = new WorkChannel<{ statement: string }>("svc-infra:sql:query");
 * await queries.run(() => ({ statement: "select" }), () => pool.query("select 1"));
 */
export class WorkChannel<Facts extends object> {
  readonly #channel;

  /** @param name - `svc-infra:FEATURE:WORK`, as the guide documents it. */
  constructor(name: string) {
    this.#channel = tracingChannel<unknown, Facts>(name);
  }

  /** Does the work; `facts` is asked only when there is a subscriber. */
  run<T>(facts: () => Facts, work: () => Promise<T>): Promise<T> {
    return this.#channel.hasSubscribers ? this.#channel.tracePromise(async () => work(), facts()) : work();
  }

  /** The same for work that answers by a callback, whose first argument is the error. */
  runWithCallback<Callback extends (...args: never[]) => unknown, T>(
    facts: () => Facts,
    callback: Callback,
    work: (callback: Callback) => T,
  ): T {
    if (!this.#channel.hasSubscribers) return work(callback);
    return this.#channel.traceCallback(work as never, 0, facts(), undefined, callback) as T;
  }
}
