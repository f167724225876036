import type { IncomingHttpHeaders } from "node:http";
import { badRequest, evaluate, HttpError, parseEntityTags } from "../../../http/index.js";
import type { Capabilities } from "../../contract/backend.js";
import type { ConditionOptions, FileDetails } from "../../options.js";

/** Looks up the version that is there; `undefined` for none. */
type FindCurrent = () => Promise<FileDetails | undefined>;

/**
 * The conditions of a write, as the storage decides them: together with the publication.
 * `If-None-Match: *` creates only; `If-Match` and `If-Unmodified-Since` replace only that version.
 *
 * @throws HttpError (412) when it is clear already that they fail.
 */
export async function writeConditions(
  headers: IncomingHttpHeaders,
  find: FindCurrent,
): Promise<ConditionOptions<Capabilities>> {
  const noneMatch = headers["if-none-match"];
  const match = headers["if-match"];
  if (noneMatch !== undefined) {
    if (noneMatch.trim() !== "*") throw badRequest("a write takes no other If-None-Match than '*'");
    if (match !== undefined) throw badRequest("If-Match and If-None-Match exclude each other");
    return { ifAbsent: true };
  }
  if (match !== undefined) return { ifMatch: await versionOf(match, headers, find) };
  if (headers["if-unmodified-since"] === undefined) return {};
  const current = await find();
  if (current === undefined) return {};
  return { ifMatch: checkedVersion(headers, current) };
}

/** One strong tag can go straight to the storage; for `*` and lists the current version decides which. */
async function versionOf(field: string, headers: IncomingHttpHeaders, find: FindCurrent): Promise<string> {
  const tags = parseEntityTags(field);
  if (tags === undefined) throw failed();
  const [only, another] = tags === "*" ? [] : tags;
  if (only !== undefined && another === undefined) {
    if (only.isWeak) throw failed();
    return only.value;
  }
  const current = await find();
  if (current === undefined) throw failed();
  return checkedVersion(headers, current);
}

/**
 * The version that the conditions of a change allow to be changed. For a deletion it is the version to delete; where the
 * backend can, the deletion is bound to it.
 *
 * @throws HttpError (412) when they fail.
 */
export function checkedVersion(headers: IncomingHttpHeaders, current: FileDetails): string {
  if (evaluate(headers, current, false) !== "pass") throw failed();
  return current.etag;
}

function failed(): HttpError {
  return new HttpError(412, "precondition_failed", "the object is not in the state that was asked for");
}
