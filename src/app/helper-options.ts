import type { AddAuthUsersOptions } from "../auth/index.js";
import type { AddCacheOptions } from "../cache/index.js";
import type { AddEventsOptions } from "../events/index.js";
import type { AddIdempotencyOptions } from "../idempotency/index.js";
import type { AddJobsOptions } from "../jobs/index.js";
import type { AddMailOptions } from "../mail/index.js";
import type { AddMongoDbOptions } from "../mongo/index.js";
import type { ObservabilityOptions } from "../observability/index.js";
import type { AddPaymentsOptions } from "../payments/index.js";
import type { AddSqlDbOptions } from "../sql/index.js";
import type { AddStorageOptions, StorageSource } from "../storage/fastify/index.js";
import type { AddTenancyOptions } from "../tenancy/index.js";
import type { AddWebhooksOptions } from "../webhooks/index.js";

/** Options of the storage of a service. */
export interface ServiceStorageOptions extends AddStorageOptions {
  /** A storage or a backend. Default: the environment decides. */
  readonly source?: StorageSource;
}

/**
 * The helpers of a service: `true` adds one with its defaults, options add it with them, `false` leaves it out.
 * Without an option the environment decides.
 */
export interface HelperOptions {
  readonly sql?: boolean | AddSqlDbOptions | undefined;
  readonly mongo?: boolean | AddMongoDbOptions | undefined;
  readonly cache?: boolean | AddCacheOptions | undefined;
  readonly jobs?: boolean | AddJobsOptions | undefined;
  readonly observability?: boolean | ObservabilityOptions | undefined;
  readonly mail?: boolean | AddMailOptions | undefined;
  readonly tenancy?: boolean | AddTenancyOptions | undefined;
  readonly idempotency?: boolean | AddIdempotencyOptions | undefined;
  /** Needs `sql` and `mail`. */
  readonly auth?: boolean | AddAuthUsersOptions | undefined;
  /** Needs `sql`. */
  readonly webhooks?: boolean | AddWebhooksOptions | undefined;
  /** Needs `jobs`. */
  readonly events?: false | AddEventsOptions | undefined;
  /** Needs `sql` and `jobs`. */
  readonly payments?: false | AddPaymentsOptions<string> | undefined;
  readonly storage?: boolean | ServiceStorageOptions | undefined;
}
