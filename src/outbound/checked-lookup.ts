import { type LookupAddress, lookup as systemLookup } from "node:dns";
import type { LookupFunction } from "node:net";

/** Resolves a name to all of its addresses. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

/** The resolver of the system: hosts file, then DNS. */
export const resolveBySystem: Resolve = (host) =>
  new Promise((resolve, reject) => {
    systemLookup(host, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });

/**
 * A `lookup` for Node's sockets that resolves once and checks every address of the answer, so that only a checked
 * address is dialled, although the name may resolve to another one a moment later (DNS rebinding).
 *
 * @param permits - whether an address may be dialled; one that may not refuses the name as a whole.
 */
export function checkedLookup(resolve: Resolve, permits: (address: string) => boolean): LookupFunction {
  return (host, { all }, callback) => {
    resolve(host).then(
      (addresses) => {
        const [first] = addresses;
        if (first === undefined) callback(new Error("the name has no address"), []);
        else if (!addresses.every(({ address }) => permits(address))) callback(notPublic(), []);
        else if (all === true) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    );
  };
}

/**
 * For the log of the service. The client answers the user with `unreachable`, as for a name that does not exist: an answer of
 * its own would tell which names exist in the inner network.
 */
function notPublic(): Error {
  return new Error("the name has an address that is not public");
}
