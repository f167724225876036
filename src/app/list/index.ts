import type { Helper } from "../helper.js";
import { cache } from "./cache.js";
import { jobs } from "./jobs.js";
import { mail } from "./mail.js";
import { mongo } from "./mongo.js";
import { observability } from "./observability.js";
import { sql } from "./sql.js";
import { storage } from "./storage.js";

/**
 * Every helper that a whole service may have. They are added in this order and closed in the other one, so each may use
 * those above it. A new helper adds its row here; `svc-infra env` and `svc-infra doctor` read the same list.
 */
export const helpers: readonly Helper[] = [observability, sql, mongo, cache, jobs, mail, storage];
