// @ts-check
import { invalid } from "./refusal.js";
import { resourceOf } from "./resource.js";

const maxPage = 1000;

/**
 * One page of a listing (https://cloud.google.com/storage/docs/json_api/v1/objects/list).
 *
 * @param {import("./object-table.js").ObjectTable} table
 * @param {URLSearchParams} query
 */
export function listPage(table, query) {
  const limit = readLimit(query.get("maxResults"));
  const after = readToken(query.get("pageToken"));
  const entries = [...entriesOf(table, query)].filter(({ entry }) => isBehind(entry, after));
  const page = entries.slice(0, limit);
  const items = page.flatMap(({ object }) =>
    object === undefined ? [] : [resourceOf(table.bucket, object)],
  );
  const prefixes = page.flatMap(({ entry, object }) => (object === undefined ? [entry] : []));
  const last = page.at(-1)?.entry ?? "";
  return {
    kind: "storage#objects",
    ...(entries.length > limit && { nextPageToken: writeToken(last) }),
    ...(items.length > 0 && { items }),
    ...(prefixes.length > 0 && { prefixes }),
  };
}

/**
 * Objects, and starts of names that are rolled up, in their order.
 *
 * @param {import("./object-table.js").ObjectTable} table
 * @param {URLSearchParams} query
 */
function* entriesOf(table, query) {
  const [prefix, delimiter] = [query.get("prefix") ?? "", query.get("delimiter") ?? ""];
  let last = "";
  for (const object of table.sorted()) {
    const { name } = object;
    if (!name.startsWith(prefix) || !isWithin(name, query)) continue;
    const end = delimiter === "" ? -1 : name.indexOf(delimiter, prefix.length);
    if (end < 0) yield { entry: name, object };
    else if (name.slice(0, end + delimiter.length) !== last) {
      last = name.slice(0, end + delimiter.length);
      yield { entry: last, object: undefined };
    }
  }
}

/** @param {string} name @param {URLSearchParams} query */
function isWithin(name, query) {
  const [start, end] = [query.get("startOffset") ?? "", query.get("endOffset")];
  return compare(name, start) >= 0 && (end === null || compare(name, end) < 0);
}

/** @param {string} entry @param {string | undefined} after */
function isBehind(entry, after) {
  return after === undefined || compare(entry, after) > 0;
}

/** In the order of the bytes of UTF-8. @param {string} a @param {string} b */
function compare(a, b) {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** @param {string | null} raw */
function readLimit(raw) {
  if (raw === null) return maxPage;
  if (!/^[0-9]{1,9}$/.test(raw)) throw invalid(`Invalid unsigned integer value: '${raw}'.`);
  return Math.min(Number(raw) || maxPage, maxPage);
}

/** As the service's, it holds the name and says so to whoever decodes it. @param {string} last */
function writeToken(last) {
  return Buffer.from(`\n${last}`).toString("base64");
}

/** @param {string | null} raw */
function readToken(raw) {
  if (raw === null) return undefined;
  const text = Buffer.from(raw, "base64").toString();
  if (!text.startsWith("\n") || writeToken(text.slice(1)) !== raw) throw invalid("Invalid argument.");
  return text.slice(1);
}
