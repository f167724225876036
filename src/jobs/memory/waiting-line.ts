/** Things in the order of their priority, and within one priority in the order of their arrival. */
export class WaitingLine<T> {
  readonly #lines = new Map<number, Set<T>>();
  /** The priorities that have waiting jobs, the first one first. */
  #priorities: number[] = [];

  join(thing: T, priority: number): void {
    const line = this.#lines.get(priority);
    if (line !== undefined) {
      line.add(thing);
      return;
    }
    this.#lines.set(priority, new Set([thing]));
    this.#priorities = [...this.#lines.keys()].sort((one, other) => one - other);
  }

  take(): T | undefined {
    const [priority] = this.#priorities;
    if (priority === undefined) return undefined;
    const [first] = this.#lines.get(priority) ?? [];
    if (first !== undefined) this.leave(first, priority);
    return first;
  }

  leave(thing: T, priority: number): void {
    const line = this.#lines.get(priority);
    if (line === undefined || !line.delete(thing) || line.size > 0) return;
    this.#lines.delete(priority);
    this.#priorities = this.#priorities.filter((each) => each !== priority);
  }
}
