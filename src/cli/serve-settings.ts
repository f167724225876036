import { type AppSettings, appVariables } from "../app/settings.js";

const { host, port, idleTimeoutMs, logLevel } = appVariables;

/** Settings of `svc-infra serve` beside those of the storage. */
export const serveVariables = { host, port, idleTimeoutMs, logLevel };

/** Values of {@link serveVariables}. */
export type ServeSettings = Pick<AppSettings, keyof typeof serveVariables>;

export { urlOf } from "../app/address.js";
