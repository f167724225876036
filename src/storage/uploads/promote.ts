import { smallerLimit } from "../content/size-check.js";
import type { ObjectStat } from "../contract/backend.js";
import { parseKey } from "../contract/key.js";
import { copyChecked } from "../policy/copy-checked.js";
import type { Claim } from "./claim.js";
import type { Completion } from "./completion.js";
import { checkScanners } from "./kept-policy.js";
import { contentKey } from "./staging.js";
import type { UploadPlace } from "./upload-place.js";

/**
 * Publishes what has been staged, if all of the policy allows it: the version that was checked and no other, since the
 * sender can write again.
 */
export async function promote(
  { backend, scope, policyOf, ...place }: UploadPlace,
  claim: Claim,
  options: Completion,
): Promise<ObjectStat> {
  const { id, lease } = claim;
  const name = scope + lease.key;
  const policy = policyOf([lease.policy ?? [], options.policy ?? []].flat());
  checkScanners(policy, name, lease);
  const { signal } = options;
  const conditions = options.conditions ?? { ifAbsent: lease.ifAbsent ?? false, ifMatch: lease.ifMatch };
  const isConditional = conditions.ifAbsent || conditions.ifMatch !== undefined;
  const { description, size, checksum } = lease;
  return copyChecked(backend, {
    from: contentKey(id),
    to: parseKey(lease.key),
    name,
    description,
    size,
    checksum,
    limit: smallerLimit(place.maxBytes, policy.maxBytesOf(name)),
    checks: () => policy.checksOf(name),
    conditions,
    onVersion: isConditional ? (etag) => claim.mark(etag, { signal }) : undefined,
    signal,
  });
}
