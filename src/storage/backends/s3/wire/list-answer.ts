import { bareEtag } from "../headers/version.js";
import { documentOf, malformedAnswer } from "./answer-document.js";
import { blocksOf, decodeEntities, textOf } from "./xml.js";

/** An object as a listing describes it. */
export interface ListedEntry {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly lastModified: Date;
  /** XML of the entry. */
  readonly xml: string;
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

/** The ETag of an entry without quotes; empty where the service does not tell it. Pages of many entries have no use for it. */
export function listedEtag({ xml }: ListedEntry): string {
  return bareEtag(textOf(xml, "ETag"));
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
    entries.push(entryOf(xml.slice(at, end)));
    at = xml.indexOf("<Contents>", end);
  }
  return entries;
}

function entryOf(xml: string): ListedEntry {
  const name = between(xml, "<Key>", "</Key>");
  const size = Number(between(xml, "<Size>", "</Size>") || Number.NaN);
  const lastModified = new Date(between(xml, "<LastModified>", "</LastModified>") ?? Number.NaN);
  const isWhole = name !== undefined && Number.isSafeInteger(size) && size >= 0;
  if (!isWhole || Number.isNaN(lastModified.getTime())) throw malformedAnswer();
  return { name: decodeEntities(name), size, lastModified, xml };
}

/** The text between two tags. It takes them whole: made anew for each of a thousand entries they cost more than the search. */
function between(xml: string, open: string, close: string): string | undefined {
  const at = xml.indexOf(open);
  if (at < 0) return undefined;
  const start = at + open.length;
  const end = xml.indexOf(close, start);
  return end < 0 ? undefined : xml.slice(start, end);
}
