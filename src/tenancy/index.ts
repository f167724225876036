export {
  type AddTenancyOptions,
  addTenancy,
  getTenancy,
  requireTenant,
  tenancyPlugin,
} from "./plugin.js";
export { tenancyVariables } from "./settings.js";
export { Tenancy, type TenantSource } from "./tenancy.js";
