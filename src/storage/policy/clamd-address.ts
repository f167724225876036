import { z } from "zod";

/** Where clamd listens. */
export interface ClamdAddress {
  readonly socket?: string;
  readonly host?: string;
  readonly port?: number;
}

/** Reads `unix:/run/clamav/clamd.ctl` and `tcp://clamav:3310`. */
export const clamdUrl: z.ZodType<ClamdAddress> = z.union([
  z
    .string()
    .regex(/^unix:\/[^\0]+$/)
    .transform((url) => ({ socket: url.slice("unix:".length) })),
  z
    .url({ protocol: /^tcp$/ })
    .refine(
      (url) =>
        URL.canParse(url) &&
        new URL(url).hostname !== "" &&
        !/[?#@]|[^/]\/./.test(url.slice("tcp://".length)),
    )
    .transform((url) => {
      const { hostname, port } = new URL(url);
      return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 3310 : Number(port) };
    }),
]);
