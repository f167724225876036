import type { Logger } from "../../kernel/index.js";
import type { PolicyOptions } from "../policy/index.js";

/** The same policy, which tells the log of what it stores unscanned, unless it tells someone else. */
export function loggedPolicy(policy: PolicyOptions, log: Logger): PolicyOptions {
  const { scan } = policy;
  if (scan === undefined || !("scanner" in scan) || scan.onSkip !== undefined) return policy;
  const onSkip = (skipped: object) => log.warn(skipped, "stored unscanned, as the policy says");
  return { ...policy, scan: { ...scan, onSkip } };
}
