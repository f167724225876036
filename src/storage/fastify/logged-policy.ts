import type { Logger } from "../../kernel/index.js";
import type { PolicyOptions } from "../policy/index.js";

/** The same policy, which tells the log of what it stores unscanned, unless it tells someone else. */
export function loggedPolicy(policy: PolicyOptions, log: Logger): PolicyOptions {
  const { scan, under = {} } = policy;
  const parts = Object.entries(under).map(([prefix, each]) => [prefix, loggedPolicy(each, log)]);
  const logged = { ...policy, under: Object.fromEntries(parts) };
  if (scan === undefined || "begin" in scan || scan.onSkip !== undefined) return logged;
  const onSkip = (skipped: object) => log.warn(skipped, "stored unscanned, as the policy says");
  return { ...logged, scan: { ...scan, onSkip } };
}
