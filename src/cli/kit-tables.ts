import { type Environment, isVariableSet } from "../kernel/index.js";

/** Tables that a helper of the kit brings along. */
export interface KitTables {
  /** The helper, as in `auth`; for people. */
  readonly group: string;
  /** Whether a service with this environment uses them. */
  readonly isOn: (env: Environment) => boolean;
  /** The module whose exports are the tables. */
  readonly load: () => Promise<object>;
}

/** What `addJobs` chooses its driver by: the outbox stands before each of them. */
const choosesDriver = ["JOBS_DRIVER", "JOBS_REGISTRY", "REDIS_URL", "SQL_URL", "DATABASE_URL", "DB_HOST"];

/** The tables of the kit, which migrations contain beside those of the application. */
export const kitTables: readonly KitTables[] = [
  {
    group: "auth",
    isOn: (env) =>
      ["AUTH_SECRET", "AUTH_SECRET_FILE", "AUTH_BASE_URL"].some((each) => isVariableSet(env, each)),
    load: () => import("../auth/schema.js"),
  },
  {
    group: "jobs",
    isOn: (env) => choosesDriver.some((each) => isVariableSet(env, each)),
    load: () => import("../jobs/outbox/outbox-table.js"),
  },
  {
    group: "webhooks",
    isOn: (env) => isVariableSet(env, "WEBHOOKS_ENCRYPT_KEY"),
    load: () => import("../webhooks/schema.js"),
  },
  {
    group: "payments",
    isOn: (env) => isVariableSet(env, "STRIPE_SECRET_KEY"),
    load: () => import("../payments/schema.js"),
  },
];
