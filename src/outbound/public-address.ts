import { BlockList, isIPv4, isIPv6 } from "node:net";

type Range = readonly [network: string, prefix: number];

/** IANA IPv4 Special-Purpose Address Registry, multicast, and the platform address of Azure. */
const specialV4: readonly Range[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["168.63.129.16", 32],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.31.196.0", 24],
  ["192.52.193.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["192.175.48.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];

/** Global unicast. All that carries an IPv4 address (mapped, NAT64) and all local scopes lie outside of it. */
const globalV6: readonly Range[] = [["2000::", 3]];

/** IANA IPv6 Special-Purpose Address Registry within global unicast: Teredo and its like, documentation, 6to4, AS112. */
const specialV6: readonly Range[] = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["2620:4f:8000::", 48],
  ["3fff::", 20],
];

const blockedV4 = listOf(specialV4, "ipv4");
const allowedV6 = listOf(globalV6, "ipv6");
const blockedV6 = listOf(specialV6, "ipv6");

/**
 * True for an address of the public Internet, false for every special one (RFC 6890) and for text that is no address.
 *
 * @param address - as `dns.lookup` answers it; compared as bytes, never as text.
 */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !blockedV4.check(address, "ipv4");
  if (!isIPv6(address) || address.includes("%")) return false;
  return allowedV6.check(address, "ipv6") && !blockedV6.check(address, "ipv6");
}

function listOf(ranges: readonly Range[], family: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of ranges) list.addSubnet(network, prefix, family);
  return list;
}
