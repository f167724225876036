import { joinPools } from "../../kernel/index.js";

/** What undici tells of the connections to one origin. */
interface OriginStats {
  readonly connected?: boolean | number;
  readonly running?: number;
  readonly pending?: number;
  readonly queued?: number;
}

/**
 * Tells of the connections of a client, summed over its origins, whenever they are asked for.
 *
 * @param pool - the type of the backend.
 * @returns what ends that.
 */
export function joinHttpPools(
  pool: string,
  maxConnections: number,
  stats: () => readonly OriginStats[],
): () => void {
  return joinPools(() => {
    const origins = stats();
    const connections = sum(origins, ({ connected }) => Number(connected ?? 0));
    const running = sum(origins, (each) => each.running ?? 0);
    const waiting = sum(origins, ({ queued = 0, pending = 0 }) => queued + pending);
    return { pool, maxConnections, connections, idle: Math.max(0, connections - running), waiting };
  });
}

function sum(origins: readonly OriginStats[], count: (origin: OriginStats) => number): number {
  return origins.reduce((total, origin) => total + count(origin), 0);
}
