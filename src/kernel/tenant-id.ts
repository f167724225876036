/** What {@link isTenantId} asks for, for messages. */
export const tenantRule = "a tenant id is 1 to 64 of a-z 0-9 _ -, and not 'public'";

/** The one rule for ids of tenants: a tenant of a request is also a folder of the storage, where cases may be folded. */
export function isTenantId(id: unknown): id is string {
  return typeof id === "string" && /^[a-z0-9_-]{1,64}$/.test(id) && id !== "public";
}
