import { randomBytes } from "node:crypto";
import { isStaged, type Key, stagingRoot } from "../contract/key.js";

/** Longest lease, in seconds: seven days to send the content in, and an hour to complete the upload. */
export const longestLeaseSeconds = 608_400;

/** When its lease ends, in seconds since the epoch, and what cannot be guessed. */
const idForm = /^([0-9a-z]{6,9})-[A-Za-z0-9_-]{24}$/;

/** The id of an upload whose lease ends then. Its end is part of its name: every process that sees it decides alike. */
export function newUploadId(endsAt: Date): string {
  return `${Math.ceil(endsAt.getTime() / 1000).toString(36)}-${randomBytes(18).toString("base64url")}`;
}

/** When the lease of an upload ends; `undefined` for what is no id. */
export function endOfLease(id: unknown): Date | undefined {
  const [, seconds] = typeof id === "string" ? (idForm.exec(id) ?? []) : [];
  return seconds === undefined ? undefined : new Date(Number.parseInt(seconds, 36) * 1000);
}

/** Where the content of an upload is until it has been checked. */
export function contentKey(id: string): Key {
  return `${stagingRoot}${id}/content` as Key;
}

/** Where the lease of an upload is kept. */
export function leaseKey(id: string): Key {
  return `${stagingRoot}${id}/lease` as Key;
}

/** What a name below staging means. */
export interface StagedName {
  /** What the keys of the storage begin with that began the upload, as `acme/`; empty for the whole storage. */
  readonly scope: string;
  /** The id of the upload, in that storage. */
  readonly id: string;
  readonly endsAt: Date;
  readonly isContent: boolean;
}

/** Reads a name that {@link contentKey} or {@link leaseKey} made, here or in a storage with a prefix. */
export function parseStaged(name: string): StagedName | undefined {
  if (!isStaged(name)) return undefined;
  const segments = name.slice(stagingRoot.length).split("/");
  const [id = "", what] = segments.splice(-2);
  const endsAt = endOfLease(id);
  if (endsAt === undefined || (what !== "content" && what !== "lease")) return undefined;
  const scope = segments.map((segment) => `${segment}/`).join("");
  return { scope, id, endsAt, isContent: what === "content" };
}
