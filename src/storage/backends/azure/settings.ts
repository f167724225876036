import type { AzureBackendOptions } from "./options.js";

/** A secret as settings hold it. */
interface Revealable {
  reveal(): string;
}

/** What the environment says of Azure, each under its option's name. */
export interface AzureSettings {
  readonly container: string | undefined;
  readonly connectionString: Revealable | undefined;
  readonly account: string | undefined;
  readonly accountKey: Revealable | undefined;
  readonly endpoint: string | undefined;
}

/** The options that settings mean. */
export function azureOptionsOf(settings: AzureSettings): AzureBackendOptions {
  const { container = "", connectionString, account, accountKey, endpoint } = settings;
  return {
    container,
    connectionString: connectionString?.reveal(),
    account,
    accountKey: accountKey?.reveal(),
    endpoint,
  };
}
