import { channel } from "node:diagnostics_channel";

/** The connections of one pool at this moment. */
export interface PoolFacts {
  /** What the pool leads to, from a closed set: `sql`, `s3`. */
  readonly pool: string;
  readonly maxConnections: number;
  /** Connections that are open. */
  readonly connections: number;
  /** Connections that do nothing. */
  readonly idle: number;
  /** Calls that wait for a connection. */
  readonly waiting: number;
}

/** What is published to be told of every pool. */
interface PoolQuestion {
  readonly tell: (facts: PoolFacts) => void;
}

const questions = channel("svc-infra:pools");

/**
 * Tells of the connections of a pool whenever `svc-infra:pools` asks, until what it returns is called.
 *
 * @example
 * const leave = joinPools(() => ({ pool: "sql", maxConnections: 10, connections: 2, idle: 1, waiting: 0 }));
 */
export function joinPools(measure: () => PoolFacts | readonly PoolFacts[]): () => void {
  const answer = (question: unknown) => {
    for (const facts of [measure()].flat()) (question as PoolQuestion).tell(facts);
  };
  questions.subscribe(answer);
  return () => void questions.unsubscribe(answer);
}

/** The connections of every pool of the process. */
export function measurePools(): readonly PoolFacts[] {
  const found: PoolFacts[] = [];
  questions.publish({ tell: (facts) => found.push(facts) } satisfies PoolQuestion);
  return found;
}
