export type { ByteSize } from "./byte-size.js";
export { type ClamavOptions, clamav } from "./clamav.js";
export type { MetadataRules } from "./metadata-check.js";
export type { PolicyOptions } from "./policy-options.js";
export type { ScanRules, SkippedScan } from "./scan-check.js";
export type { Scan, Scanner, Verdict } from "./scanner.js";
