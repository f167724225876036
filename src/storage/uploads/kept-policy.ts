import { UnsupportedOperationError } from "../contract/error.js";
import type { PolicyOptions } from "../policy/index.js";
import type { Policy } from "../policy/policy.js";
import type { Lease } from "./lease.js";
import type { UploadPlace } from "./upload-place.js";

/** What a lease keeps of a policy: its rules as data, and the names of the scanners, which are none. */
export type KeptPolicy = Required<Pick<Lease, "policy" | "scanners">>;

/** What must hold of an upload when it is completed, by whichever storage that is. */
export function keptPolicy(
  { rules, scope, policyOf }: Pick<UploadPlace, "rules" | "scope" | "policyOf">,
  key: string,
  further: PolicyOptions | undefined,
): KeptPolicy {
  const policy = [rules, further ?? []].flat().map(asData);
  return { policy, scanners: policyOf([]).scannersOf(scope + key) };
}

/**
 * Refuses a completion that would leave a scanner out; a storage that has it can complete the upload later.
 *
 * @throws UnsupportedOperationError naming the scanner.
 */
export function checkScanners(policy: Policy, name: string, { scanners = [] }: Lease): void {
  const present = policy.scannersOf(name);
  const missing = scanners.find((scanner) => !present.includes(scanner));
  if (missing === undefined) return;
  throw new UnsupportedOperationError({
    message: `this upload was prepared by a storage that scans with ${missing}; complete it by that storage, or give the scanner to completeUpload`,
  });
}

function asData({ scan: _scan, onInfected: _listener, under, ...rules }: PolicyOptions): PolicyOptions {
  if (under === undefined) return rules;
  const parts = Object.entries(under).map(([prefix, each]) => [prefix, asData(each)]);
  return { ...rules, under: Object.fromEntries(parts) };
}
