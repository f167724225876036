import type { SettingsOf } from "../../../kernel/index.js";
import { httpUrl, secretText, text, variable } from "../../../kernel/index.js";
import { backendRow } from "../../contract/backend-row.js";

/** Variables of Azure Blob Storage. */
export const azureVariables = {
  /** Container. Variable: `STORAGE_AZURE_CONTAINER`. */
  container: variable({
    name: "STORAGE_AZURE_CONTAINER",
    type: text,
    expected: "a container",
    help: "Container.",
  }),
  /** All three of the following in one; beats them. Variable: `STORAGE_AZURE_CONNECTION_STRING`. */
  connectionString: variable({
    name: "STORAGE_AZURE_CONNECTION_STRING",
    aliases: ["AZURE_STORAGE_CONNECTION_STRING"],
    type: secretText(),
    expected: "a connection string with AccountName and AccountKey",
    help: "All three of the following in one; beats them.",
    secret: true,
  }),
  /** Storage account. Variable: `STORAGE_AZURE_ACCOUNT`. */
  account: variable({
    name: "STORAGE_AZURE_ACCOUNT",
    aliases: ["AZURE_STORAGE_ACCOUNT"],
    type: text,
    expected: "an account name",
    help: "Storage account.",
  }),
  /**
   * Key of the storage account. Default: tokens of the default chain. Variable: `STORAGE_AZURE_ACCOUNT_KEY`.
   */
  accountKey: variable({
    name: "STORAGE_AZURE_ACCOUNT_KEY",
    aliases: ["AZURE_STORAGE_KEY"],
    type: secretText(),
    expected: "an account key",
    help: "Key of the storage account.",
    secret: true,
    defaultText: "tokens of the default chain",
  }),
  /**
   * Blob service of the account: an emulator, a sovereign cloud, a private or custom domain. Default:
   * `https://{account}.blob.core.windows.net`. Variable: `STORAGE_AZURE_ENDPOINT`.
   */
  endpoint: variable({
    name: "STORAGE_AZURE_ENDPOINT",
    type: httpUrl,
    expected: "an http or https URL",
    help: "Blob service of the account: an emulator, a sovereign cloud, a private or custom domain.",
    defaultText: "`https://{account}.blob.core.windows.net`",
  }),
};

/** How the environment chooses and makes this backend. */
export const azureRow = backendRow({
  variables: azureVariables,
  place: "container",
  scope: ["connectionString", "account", "endpoint"],
  credentials: ["accountKey", "connectionString"],
  detectedBy: ["STORAGE_AZURE_CONTAINER"],
  required: ["container", "account"],
  instead: { of: ["account"], option: "connectionString" },
  // An endpoint is that of one account.
  overrules: { connectionString: ["account", "accountKey", "endpoint"], endpoint: ["account"] },
  signsWithSecret: false,
  endpointOf: async (own) => {
    const { accountOf } = await import("./account.js");
    return accountOf(azureOptionsOf(own)).endpoint;
  },
  create: async (own, signing) => {
    const { AzureBackend } = await import("./backend.js");
    return new AzureBackend({ ...azureOptionsOf(own), secrets: signing.secrets });
  },
});

function azureOptionsOf(own: SettingsOf<typeof azureVariables>) {
  return {
    ...own,
    container: own.container ?? "",
    connectionString: own.connectionString?.reveal(),
    accountKey: own.accountKey?.reveal(),
  };
}
