export { type ClamavOptions, clamav } from "./clamav.js";
export type { Scan, Scanner, Verdict } from "./scanner.js";
