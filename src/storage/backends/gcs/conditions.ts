import type { WriteConditions } from "../../contract/backend.js";
import { anotherVersion } from "../../contract/service-error.js";

/** The service decides them with the publication, in one step; generation 0 means that there is no object. */
export function conditionQuery({ ifAbsent, ifMatch }: WriteConditions): {
  readonly ifGenerationMatch?: string;
} {
  if (ifAbsent) return { ifGenerationMatch: "0" };
  return ifMatch === undefined ? {} : { ifGenerationMatch: checkGeneration(ifMatch) };
}

/** An ETag of another kind belongs to no version here. */
export function checkGeneration(etag: string): string {
  if (/^[1-9][0-9]{0,18}$/.test(etag)) return etag;
  throw anotherVersion();
}
