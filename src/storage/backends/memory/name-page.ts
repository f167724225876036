import type { ListOptions } from "../../contract/backend.js";
import { reservedSegment } from "../../contract/key.js";
import type { SortedNames } from "./sorted-names.js";

/** One page of names. */
export interface NamePage<Name> {
  readonly names: readonly Name[];
  readonly prefixes: readonly string[];
  /** Last entry of the page when more follow. */
  readonly last: string | undefined;
}

/** Cuts one page out of the names, behind the entry `after`. */
export function pageOf<Name extends string>(
  names: SortedNames<Name>,
  { prefix, delimiter, limit }: Pick<ListOptions, "prefix" | "delimiter" | "limit">,
  after: string | undefined,
): NamePage<Name> {
  const page: { names: Name[]; prefixes: string[] } = { names: [], prefixes: [] };
  let last: string | undefined;
  const walk = names.from(after === undefined ? prefix : behind(after));
  for (let step = walk.next(); !step.done && step.value.startsWith(prefix); step = walk.next(skipTo(last))) {
    if (isHidden(step.value, prefix)) {
      last = `${reservedSegment}/`;
      continue;
    }
    if (page.names.length + page.prefixes.length === limit) return { ...page, last };
    last = entryOf(step.value, prefix, delimiter);
    if (last === step.value) page.names.push(step.value);
    else page.prefixes.push(last);
  }
  return { ...page, last: undefined };
}

/** What is staged is listed only where it is asked for; it is left behind in one step. */
function isHidden(name: string, prefix: string): boolean {
  return name.startsWith(`${reservedSegment}/`) && !prefix.startsWith(reservedSegment);
}

/** The name itself, or its start up to the delimiter. */
function entryOf(name: string, prefix: string, delimiter: "/" | undefined): string {
  const end = delimiter === undefined ? -1 : name.indexOf(delimiter, prefix.length);
  return end < 0 ? name : name.slice(0, end + 1);
}

/** The first text behind a name, or behind all names that begin with a rolled-up start (`0` follows `/`). */
function behind(entry: string): string {
  return entry.endsWith("/") ? `${entry.slice(0, -1)}0` : `${entry}\0`;
}

function skipTo(entry: string | undefined): string | undefined {
  return entry?.endsWith("/") ? behind(entry) : undefined;
}
