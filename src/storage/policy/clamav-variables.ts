import { variable, wholeNumber } from "../../kernel/index.js";
import { clamdUrl } from "./clamd-address.js";

/** Where the clamd of the environment is, and what it takes. */
export const clamavVariables = {
  clamavUrl: variable({
    name: "STORAGE_CLAMAV_URL",
    type: clamdUrl,
    expected: "unix:/path/of/clamd.ctl or tcp://host:port",
    help: "The clamd that looks at all content before it is stored.",
    defaultText: "nothing is scanned",
  }),
  clamavMaxBytes: variable({
    name: "STORAGE_CLAMAV_MAX_BYTES",
    type: wholeNumber({ min: 1 }),
    expected: "a whole number of bytes above 0",
    help: "The smallest of StreamMaxLength, MaxFileSize and MaxScanSize of clamd.conf; larger content is refused.",
    default: 26_214_400,
  }),
} as const;
