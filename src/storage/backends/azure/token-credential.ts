/** A source of bearer tokens, as those of `@azure/identity` are. */
export interface AzureTokenCredential {
  getToken(
    scopes: string | string[],
    options?: { readonly abortSignal?: AbortSignal },
  ): Promise<{ readonly token: string; readonly expiresOnTimestamp: number } | null>;
}
