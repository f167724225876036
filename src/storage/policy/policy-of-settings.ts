import { z } from "zod";
import { clamav } from "./clamav.js";
import type { ClamdAddress } from "./clamd-address.js";
import { isTypePattern } from "./media-type.js";
import type { PolicyOptions } from "./policy-options.js";

/** Types like `image/*`, separated by commas or white space, or an array. */
export const typeList: z.ZodType<readonly string[]> = z
  .union([z.array(z.string()), z.string().transform((value) => value.split(/[\s,]+/).filter(Boolean))])
  .pipe(z.array(z.string().refine(isTypePattern)).min(1));

/** The policy that the settings of a storage ask for, if they do. */
export function policyOfSettings(settings: {
  readonly allowedTypes: readonly string[] | undefined;
  readonly clamavUrl: ClamdAddress | undefined;
  readonly clamavMaxBytes: number;
}): PolicyOptions | undefined {
  const { allowedTypes: types, clamavUrl, clamavMaxBytes: maxBytes } = settings;
  if (types === undefined && clamavUrl === undefined) return undefined;
  return { types, scan: clamavUrl && clamav({ ...clamavUrl, maxBytes }) };
}
