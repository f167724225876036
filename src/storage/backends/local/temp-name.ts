import { createHash, randomBytes } from "node:crypto";
import { type Holder, thisHost } from "./holder.js";

const pattern = /^([0-9a-f]{12})-([0-9]+)-([0-9]*)-([0-9a-f]{16})-[0-9a-f]{24}$/;
const spare = { bytes: Buffer.alloc(0), used: 0 };
const refillBytes = 12 * 512;

/** 96 random bits in hex. Random bytes are drawn many at a time; a call each would cost more than the rest of it. */
export function randomToken(): string {
  if (spare.used === spare.bytes.length) {
    spare.bytes = randomBytes(refillBytes);
    spare.used = 0;
  }
  spare.used += 12;
  return spare.bytes.toString("hex", spare.used - 12, spare.used);
}

/** Start of the names of temporary files that belong to `holder`. */
export function tempPrefix(holder: Holder): string {
  return `${shortHost(holder.host)}-${holder.pid}-${holder.startedAt}-${holder.user}-`;
}

/** Whose temporary file it is: undefined for names that are not ours; a foreign host keeps its hash as name. */
export function ownerOfTemp(name: string): Holder | undefined {
  const [, host, pid, startedAt, user] = pattern.exec(name) ?? [];
  if (host === undefined || startedAt === undefined || user === undefined) return undefined;
  return { host: host === shortHost(thisHost) ? thisHost : host, pid: Number(pid), startedAt, user };
}

function shortHost(host: string): string {
  return createHash("sha256").update(host).digest("hex").slice(0, 12);
}
