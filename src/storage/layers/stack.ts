import type { Layer } from "../contract/backend.js";
import type { RetryOptions } from "../contract/backoff.js";
import type { PublicFilesOptions } from "../contract/public-files.js";
import { checkStorageOptions, type OptionRules } from "../contract/storage-options.js";
import { type MetricsSink, metrics } from "./metrics.js";
import { prefix } from "./prefix.js";
import { publicFiles } from "./public-files.js";
import { retry } from "./retry.js";
import { timeout } from "./timeout.js";

/** Which layers there shall be; one that is not named is left out. */
export interface StackOptions {
  /** Ends in `/`. */
  readonly prefix?: string | undefined;
  /** Where measurements go. */
  readonly metrics?: MetricsSink | undefined;
  /** How failed calls are tried again. */
  readonly retry?: RetryOptions | undefined;
  /** Milliseconds without progress after which an attempt fails. */
  readonly timeoutMs?: number | undefined;
  /** Where public files are served. */
  readonly publicFiles?: PublicFilesOptions | undefined;
}

const rules: OptionRules<StackOptions> = {
  call: "stack",
  kinds: { prefix: "string", metrics: "object", retry: "object", timeoutMs: "number", publicFiles: "object" },
};

/**
 * The layers in the one order that is right, outermost first: prefix, metrics, retry, timeout, public files, backend.
 *
 * The timeout is inside the retry, so that each attempt has its own time and one that hangs is tried again.
 * Metrics are outside both and count what the application saw: one call, however many attempts, with all its
 * waiting. The prefix is outermost, so that every other layer sees the key that the
 * service sees: public URLs name that key.
 */
export function stack(options: StackOptions): readonly Layer[] {
  checkStorageOptions(options, rules);
  return [
    options.prefix !== undefined && prefix(options.prefix),
    options.metrics !== undefined && metrics(options.metrics),
    options.retry !== undefined && retry(options.retry),
    options.timeoutMs !== undefined && timeout(options.timeoutMs),
    options.publicFiles !== undefined && publicFiles(options.publicFiles),
  ].filter((layer) => layer !== false);
}
