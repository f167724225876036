import { createHash, randomBytes } from "node:crypto";
import { type LockOwner, thisHost } from "./lock-owner.js";

const pattern = /^([0-9a-f]{12})-([0-9]+)-([0-9]*)-([0-9a-f]{16})-[0-9a-f]{24}$/;
const spare = { bytes: Buffer.alloc(0), used: 0 };
const refillBytes = 12 * 512;

/** 96 random bits in hex. Random bytes are drawn many at a time, since a call costs more than all else. */
export function randomToken(): string {
  if (spare.used === spare.bytes.length) {
    spare.bytes = randomBytes(refillBytes);
    spare.used = 0;
  }
  spare.used += 12;
  return spare.bytes.toString("hex", spare.used - 12, spare.used);
}

/** Start of the names of temporary files that belong to `owner`. */
export function tempPrefix(owner: LockOwner): string {
  return `${shortHost(owner.host)}-${owner.pid}-${owner.startedAt}-${owner.user}-`;
}

/** The owner of a temporary file; `undefined` for other names. A foreign host is named by its hash. */
export function ownerOfTemp(name: string): LockOwner | undefined {
  const [, host, pid, startedAt, user] = pattern.exec(name) ?? [];
  if (host === undefined || startedAt === undefined || user === undefined) return undefined;
  return { host: host === shortHost(thisHost) ? thisHost : host, pid: Number(pid), startedAt, user };
}

function shortHost(host: string): string {
  return createHash("sha256").update(host).digest("hex").slice(0, 12);
}
