import dns, { type LookupAddress } from "node:dns";
import { syncBuiltinESMExports } from "node:module";

type Answered = (error: Error | null, addresses: readonly LookupAddress[]) => void;

/**
 * Lets the system's resolver know names of a test; others are resolved as before.
 *
 * @returns what takes the names back.
 */
export function knowNames(names: Readonly<Record<string, () => readonly LookupAddress[]>>): () => void {
  const system = dns.lookup;
  const lookup = (host: string, options: object, answered: Answered) => {
    const found = names[host];
    if (found === undefined) Reflect.apply(system, dns, [host, options, answered]);
    else answered(null, found());
  };
  const use = (chosen: unknown) => {
    Reflect.set(dns, "lookup", chosen);
    syncBuiltinESMExports();
  };
  use(lookup);
  return () => use(system);
}

/** An address that is public when it is checked, and this machine's when it is dialled, to reach the server of a test. */
export function checkedAsPublic(): LookupAddress {
  let reads = 0;
  return {
    get address() {
      return reads++ === 0 ? "8.8.8.8" : "127.0.0.1";
    },
    family: 4,
  };
}
