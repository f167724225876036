import { z } from "zod";
import { variable } from "../kernel/index.js";

/** An origin (RFC 6454), or `*`. */
const origin = z.string().refine((each) => each === "*" || isOrigin(each));

/** Settings that all helpers with routes share. */
export const httpVariables = {
  corsAllowOrigins: variable({
    name: "CORS_ALLOW_ORIGINS",
    type: z
      .union([
        z.string().transform((text) => text.split(/[\s,]+/).filter((each) => each !== "")),
        z.array(z.string()),
      ])
      .pipe(z.array(origin))
      .transform((origins): readonly string[] => origins),
    expected: "origins like https://app.example.com, separated by commas or spaces",
    help: "Origins whose pages may call the service. The word * lets pages read, but never change anything.",
    defaultText: "none",
  }),
};

/** Browsers send a whole origin, so that a pattern in place of one would match nothing. */
function isOrigin(text: string): boolean {
  return /^https?:\/\/[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
