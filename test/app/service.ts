import { easyServiceApp, type ServiceApp, type ServiceAppOptions } from "svc-infra/app";

/** A service that knows no environment but the one given. */
export function makeService(
  env: Record<string, string> = {},
  options: Partial<ServiceAppOptions> = {},
): Promise<ServiceApp> {
  return easyServiceApp({ name: "shop", env: { LOG_LEVEL: "silent", ...env }, ...options });
}
