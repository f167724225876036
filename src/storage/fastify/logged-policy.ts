import type { Logger } from "../../kernel/index.js";
import type { PolicyOptions } from "../policy/index.js";

/**
 * The policy, which tells the log of what it stores unscanned, unless it tells someone else. One that never does that is
 * answered itself: file routes know a policy by its identity.
 */
export function loggedPolicy(policy: PolicyOptions, log: Logger): PolicyOptions {
  const { scan, under = {} } = policy;
  const parts = Object.entries(under).map(([prefix, each]) => [prefix, loggedPolicy(each, log)] as const);
  const logged = parts.every(([prefix, each]) => each === under[prefix])
    ? policy
    : { ...policy, under: Object.fromEntries(parts) };
  if (scan === undefined || "begin" in scan) return logged;
  if (scan.whenUnavailable !== "accept" || scan.onSkip !== undefined) return logged;
  const onSkip = (skipped: object) => log.warn(skipped, "stored unscanned, as the policy says");
  return { ...logged, scan: { ...scan, onSkip } };
}
