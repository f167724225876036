import { createHash } from "node:crypto";
import { InvalidKeyError } from "./error.js";
import { quote } from "./quote.js";

declare const checked: unique symbol;

/** A checked object name. Only {@link parseKey} makes one, so a `Key` is proof that the rules hold. */
export type Key = string & { readonly [checked]: "key" };

/** A checked start of keys: empty, or a key's rules with an optional trailing `/`. */
export type Prefix = string & { readonly [checked]: "prefix" };

/** Longest key, in characters (all ASCII, so also in bytes). */
export const maxKeyLength = 1024;

/** First segment that belongs to the kit itself, on every backend; compared without case and without dots at its end. */
export const reservedSegment = ".svc-infra";

/**
 * What the names of unfinished uploads begin with. Neither a call nor a route can name one: only `uploads/staging.ts`
 * makes them, and backends take them like keys.
 */
export const stagingRoot = `${reservedSegment}/staging/`;

const alphabet = /^[A-Za-z0-9._/-]+$/;
const emptyOrDotSegment = /(?:^|\/)\.?(?:\/|$)/;

/**
 * Checks an object name: 1 to 1,024 of `A-Z a-z 0-9 . _ - /`, relative, no empty or `.` segment,
 * no `..` anywhere, and not inside the reserved `.svc-infra/`.
 *
 * @throws InvalidKeyError saying which rule was broken; never echoes control characters.
 */
export function parseKey(raw: unknown): Key {
  const fault = findFault(raw, "key") ?? (raw === "" ? "key is empty" : undefined);
  if (fault !== undefined) throw invalid(raw, fault);
  return raw as Key;
}

/** True when {@link parseKey} would accept `raw`. */
export function isKey(raw: unknown): raw is Key {
  return raw !== "" && findFault(raw, "key") === undefined;
}

/** True for a name below {@link stagingRoot}, in the alphabet of keys. */
export function isStaged(raw: unknown): raw is Key {
  return typeof raw === "string" && raw.startsWith(stagingRoot) && isKey(raw.slice(stagingRoot.length));
}

/** True for the names of objects that a backend keeps for callers: keys, and what is staged for them. */
export function isObjectName(raw: unknown): raw is Key {
  return isKey(raw) || isStaged(raw);
}

/** Whether a listing has a name: what is staged is listed only where it is asked for. */
export function isListed(raw: unknown, prefix: string): raw is Key {
  return isKey(raw) || (prefix.startsWith(stagingRoot) && isStaged(raw));
}

/**
 * Checks the start of keys for listings: the rules of {@link parseKey}, but it may be empty and may end
 * with `/`. It is compared as a plain string, never as a pattern.
 *
 * @throws InvalidKeyError saying which rule was broken.
 */
export function parsePrefix(raw: unknown): Prefix {
  const body = typeof raw === "string" && raw !== "/" && raw.endsWith("/") ? raw.slice(0, -1) : raw;
  const fault = findFault(body, "prefix");
  if (fault !== undefined) throw invalid(raw, fault);
  return raw as Prefix;
}

/**
 * Makes a valid key segment from any file name, in any script: path parts are dropped, letters lose their
 * accents, everything else outside the alphabet becomes `-`. The extension survives. Where letters or digits
 * had to go, a hash of the name stays in their place, so that `報告書.pdf` and `請求書.pdf` have two keys.
 * Names may still meet (`a b` and `a-b`); add an id of your own where that matters.
 */
export function safeKey(fileName: string): string {
  const last = (fileName.split(/[/\\]/).at(-1) ?? "").normalize("NFKD").replace(/\p{M}+/gu, "");
  const dot = last.lastIndexOf(".");
  const hasExtension = dot > 0 && last.length - dot <= longestExtension;
  const extension = hasExtension ? toAlphabet(last.slice(dot + 1)) : "";
  const stem = toAlphabet(hasExtension ? last.slice(0, dot) : last) || "file";
  const hash = /[^\P{L}A-Za-z]|[^\P{N}0-9]/u.test(last) ? `-${hashOf(last)}` : "";
  const tail = extension === "" ? hash : `${hash}.${extension}`;
  return stem.slice(0, longestName - tail.length).replace(/[.-]+$/, "") + tail;
}

/** Characters of a segment that is made of a file name, and of its extension with the dot. */
const longestName = 200;
const longestExtension = 20;

function toAlphabet(text: string): string {
  return text
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/\.{2,}/g, ".")
    .replace(/-{2,}/g, "-")
    .replace(/^[.-]+|[.-]+$/g, "");
}

function hashOf(name: string): string {
  return createHash("sha256").update(name.normalize("NFC")).digest("hex").slice(0, 8);
}

function findFault(raw: unknown, what: "key" | "prefix"): string | undefined {
  if (typeof raw !== "string") return `${what} must be a string, not ${describe(raw)}`;
  if (raw === "") return undefined;
  if (raw.length > maxKeyLength) return `${what} is longer than ${maxKeyLength} characters`;
  if (!alphabet.test(raw)) return `${what} may hold only A-Z a-z 0-9 . _ - /`;
  if (raw.includes("..")) return `${what} holds '..'`;
  if (emptyOrDotSegment.test(raw)) return `${what} has an empty or '.' segment, or starts or ends with '/'`;
  if (isReserved(raw)) {
    return `${what} lies in the reserved '${reservedSegment}/'`;
  }
  return undefined;
}

/** Some file systems ignore case and dots at the end of a name (APFS, NTFS, exFAT, SMB), and no two names may meet there. */
function isReserved(raw: string): boolean {
  if (!raw.startsWith(".")) return false;
  const end = raw.indexOf("/");
  const first = end < 0 ? raw : raw.slice(0, end);
  return first.toLowerCase().replace(/\.+$/, "") === reservedSegment;
}

function describe(raw: unknown): string {
  if (raw === null) return "null";
  return Array.isArray(raw) ? "an array" : `a value of type ${typeof raw}`;
}

function invalid(raw: unknown, fault: string): InvalidKeyError {
  const printable = typeof raw === "string" ? quote(raw) : undefined;
  return new InvalidKeyError({ message: printable === undefined ? fault : `${fault}: ${printable}` });
}
