import { bareEtag } from "../headers/version.js";
import { documentOf, malformedAnswer } from "./answer-document.js";
import { blocksOf, decodeEntities, textOf } from "./xml.js";

/** An object as a listing describes it. */
export interface ListedEntry {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly lastModified: Date;
  /** Without quotes; empty where the service does not tell it. */
  readonly etag: string;
}

/** A page as the service answers it. */
export interface ListAnswer {
  readonly entries: readonly ListedEntry[];
  readonly prefixes: readonly string[];
  /** Where the service goes on; `undefined` when there is no more. */
  readonly token: string | undefined;
}

/**
 * Reads the answer to ListObjectsV2.
 *
 * @throws ServiceError when it is no whole listing, or says that there is more and not where.
 */
export function parseListAnswer(body: Buffer): ListAnswer {
  const xml = documentOf(body, "ListBucketResult");
  return {
    entries: entriesOf(xml),
    prefixes: [...blocksOf(xml, "CommonPrefixes")].map((block) => textOf(block, "Prefix") ?? ""),
    token: textOf(xml, "IsTruncated") === "true" ? tokenOf(xml) : undefined,
  };
}

/** Without a token the rest could not be had, and the start would be taken for all. */
function tokenOf(xml: string): string {
  const token = textOf(xml, "NextContinuationToken") ?? "";
  if (token === "") throw malformedAnswer();
  return token;
}

/** By one search after the other, since a bucket may have millions of them. */
function entriesOf(xml: string): ListedEntry[] {
  const entries: ListedEntry[] = [];
  for (let at = xml.indexOf("<Contents>"); at >= 0; ) {
    const end = xml.indexOf("</Contents>", at);
    if (end < 0) throw malformedAnswer();
    entries.push(entryOf(xml, at, end));
    at = xml.indexOf("<Contents>", end);
  }
  return entries;
}

function entryOf(xml: string, at: number, end: number): ListedEntry {
  const name = between(xml, "Key", at, end);
  const size = Number(between(xml, "Size", at, end) || Number.NaN);
  const lastModified = new Date(between(xml, "LastModified", at, end) ?? Number.NaN);
  const isWhole = name !== undefined && Number.isSafeInteger(size) && size >= 0;
  if (!isWhole || Number.isNaN(lastModified.getTime())) throw malformedAnswer();
  const etag = bareEtag(decodeEntities(between(xml, "ETag", at, end) ?? ""));
  return { name: decodeEntities(name), size, lastModified, etag };
}

/** The text of the first `<tag>` between two places. */
function between(xml: string, tag: string, from: number, to: number): string | undefined {
  const open = xml.indexOf(`<${tag}>`, from);
  if (open < 0 || open > to) return undefined;
  const start = open + tag.length + 2;
  return xml.slice(start, xml.indexOf(`</${tag}>`, start));
}
