import type { Helper } from "../helper.js";
import { auth } from "./auth.js";
import { cache } from "./cache.js";
import { events } from "./events.js";
import { idempotency } from "./idempotency.js";
import { jobs } from "./jobs.js";
import { mail } from "./mail.js";
import { mongo } from "./mongo.js";
import { observability } from "./observability.js";
import { payments } from "./payments.js";
import { sql } from "./sql.js";
import { storage } from "./storage.js";
import { tenancy } from "./tenancy.js";
import { webhooks } from "./webhooks.js";

/**
 * Every helper that a whole service may have. They are added in this order and closed in the other one, so each may use
 * those above it. A new helper adds its row here; `svc-infra env` and `svc-infra doctor` read the same list.
 */
export const helpers: readonly Helper[] = [
  observability,
  sql,
  mongo,
  cache,
  tenancy,
  idempotency,
  mail,
  auth,
  webhooks,
  events,
  payments,
  storage,
  jobs,
];
