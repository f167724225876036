import { blocksOf, decodeEntities, textOf } from "./xml.js";

/** An object as a listing tells of it. */
export interface ListedEntry {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly lastModified: Date;
}

/** A page as the service answers it. */
export interface ListAnswer {
  readonly entries: readonly ListedEntry[];
  readonly prefixes: readonly string[];
  /** Where the service goes on; `undefined` when there is no more. */
  readonly token: string | undefined;
}

/** Reads the answer to ListObjectsV2. */
export function parseListAnswer(xml: string): ListAnswer {
  const isTruncated = textOf(xml, "IsTruncated") === "true";
  return {
    entries: entriesOf(xml),
    prefixes: [...blocksOf(xml, "CommonPrefixes")].map((block) => textOf(block, "Prefix") ?? ""),
    token: isTruncated ? textOf(xml, "NextContinuationToken") : undefined,
  };
}

/** By one search after the other, since a bucket may have millions of them. */
function entriesOf(xml: string): ListedEntry[] {
  const entries: ListedEntry[] = [];
  for (let at = xml.indexOf("<Contents>"); at >= 0; ) {
    const end = xml.indexOf("</Contents>", at);
    if (end < 0) break;
    entries.push({
      name: decodeEntities(between(xml, "<Key>", "</Key>", at)),
      size: Number(between(xml, "<Size>", "</Size>", at)),
      lastModified: new Date(between(xml, "<LastModified>", "</LastModified>", at)),
    });
    at = xml.indexOf("<Contents>", end);
  }
  return entries;
}

function between(xml: string, open: string, close: string, from: number): string {
  const start = xml.indexOf(open, from) + open.length;
  return xml.slice(start, xml.indexOf(close, start));
}
