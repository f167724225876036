import type { Capabilities } from "./contract/backend.js";
import { type FilesAccess, StorageFiles } from "./storage-files.js";

/**
 * The files of one tenant: a boundary. What it gives cannot reach the backend, the layers, a signer, or any key that does
 * not begin with the tenant's id. {@link Storage.forTenant} makes one.
 */
export class TenantStorage<C extends Capabilities = Capabilities> extends StorageFiles<C> {
  /** The tenant's id. */
  readonly tenant: string;

  /** @internal */
  constructor(tenant: string, access: FilesAccess<C>) {
    super(access);
    this.tenant = tenant;
  }
}
