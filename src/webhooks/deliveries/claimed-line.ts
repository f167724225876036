import { type ClaimedDelivery, type HeldDeliveries, hostOf } from "./delivery-claims.js";

/** Deliveries that are claimed for each attempt at a time, so that no attempt waits for a query. */
export const claimedAhead = 8;

/** How many attempts a process makes at the same time, and how long a claimed delivery may wait for one. */
export interface LineRules {
  /** Attempts of the process. */
  readonly concurrency: number;
  /** Attempts at one server. */
  readonly share: number;
  /** Attempts for one tenant. */
  readonly tenantShare: number;
  /** Milliseconds from the claim after which a delivery is no longer attempted: what was read of it is too old. */
  readonly longestWaitMs: number;
}

interface Waiting {
  readonly claimed: ClaimedDelivery;
  readonly claimedAt: number;
  /** Read from the URL once: it is compared at each attempt of the process. */
  readonly host: string;
}

/** Deliveries that this process has claimed, and that wait for an attempt or have one. */
export class ClaimedLine {
  readonly #rules: LineRules;
  #waiting: readonly Waiting[] = [];
  /** Attempts that are not written down, by delivery. */
  readonly #unrecorded = new Map<string, Waiting>();
  /** Those that have no answer. */
  readonly #unanswered = new Map<string, Waiting>();

  constructor(rules: LineRules) {
    this.#rules = rules;
  }

  /** Deliveries that wait or are not written down yet. */
  get size(): number {
    return this.#waiting.length + this.#unrecorded.size;
  }

  /** The same by what shares them. */
  held(): HeldDeliveries {
    const all = [...this.#unrecorded.values(), ...this.#waiting];
    return {
      bySubscription: counted(all.map(subscriptionOf)),
      byHost: counted(all.map(({ host }) => host)),
      byTenant: counted(all.map(tenantOf)),
    };
  }

  /** @param claimedAt - by `performance.now()`. */
  add(claimed: readonly ClaimedDelivery[], claimedAt: number): void {
    this.#waiting = [...this.#waiting, ...claimed.map((each) => toWaiting(each, claimedAt))];
  }

  /** Takes what is to be attempted now: in the order of their claims, but for servers and tenants that have their share already. */
  start(): readonly ClaimedDelivery[] {
    const { concurrency, share, tenantShare } = this.#rules;
    const running = [...this.#unanswered.values()];
    const [byHost, byTenant] = [counted(running.map(({ host }) => host)), counted(running.map(tenantOf))];
    let free = concurrency - running.length;
    const started = this.#take((waiting) => {
      if (free === 0) return false;
      const { host } = waiting;
      const tenant = tenantOf(waiting);
      const [ofHost, ofTenant] = [byHost.get(host) ?? 0, byTenant.get(tenant) ?? 0];
      if (ofHost >= share || ofTenant >= tenantShare || this.#isLate(waiting)) return false;
      byHost.set(host, ofHost + 1);
      byTenant.set(tenant, ofTenant + 1);
      free -= 1;
      return true;
    });
    for (const each of started) {
      this.#unrecorded.set(each.claimed.delivery.id, each);
      this.#unanswered.set(each.claimed.delivery.id, each);
    }
    return started.map(({ claimed }) => claimed);
  }

  /** The endpoint has answered, so that another attempt may start. */
  answered(id: string): void {
    this.#unanswered.delete(id);
  }

  /** The attempt is written down. */
  recorded(id: string): void {
    this.#unanswered.delete(id);
    this.#unrecorded.delete(id);
  }

  /** Whether few deliveries to the server of one wait, so that others are to be claimed. */
  isShort(ended: ClaimedDelivery): boolean {
    const endedHost = hostOf(ended.subscription);
    const own = this.#waiting.filter((each) => each.host === endedHost && !this.#isLate(each));
    return own.length <= (this.#rules.share * claimedAhead) / 2;
  }

  /** Takes out what has waited for too long. */
  late(): readonly ClaimedDelivery[] {
    return this.#take((each) => this.#isLate(each)).map(({ claimed }) => claimed);
  }

  /** Takes out what waits for one subscription, or for all of them. */
  clear(subscription?: string): readonly ClaimedDelivery[] {
    const isMeant = (each: Waiting) => subscription === undefined || subscriptionOf(each) === subscription;
    return this.#take(isMeant).map(({ claimed }) => claimed);
  }

  #isLate({ claimedAt }: Waiting): boolean {
    return performance.now() - claimedAt > this.#rules.longestWaitMs;
  }

  #take(isMeant: (waiting: Waiting) => boolean): readonly Waiting[] {
    const taken: Waiting[] = [];
    this.#waiting = this.#waiting.filter((each) => {
      const isTaken = isMeant(each);
      if (isTaken) taken.push(each);
      return !isTaken;
    });
    return taken;
  }
}

function subscriptionOf({ claimed }: Waiting): string {
  return claimed.delivery.subscription;
}

function tenantOf({ claimed }: Waiting): string {
  return claimed.delivery.tenant;
}

function toWaiting(claimed: ClaimedDelivery, claimedAt: number): Waiting {
  return { claimed, claimedAt, host: hostOf(claimed.subscription) };
}

function counted(values: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
