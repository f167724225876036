import { StorageConfigurationError } from "../../contract/error.js";
import type { AzureTokenCredential } from "./token-credential.js";

/** Options that say where the account is and who may use it. */
export interface AccountOptions {
  /** Account, key and endpoint in one, as the portal shows it; beats all of them. */
  readonly connectionString?: string | undefined;
  /** Name of the storage account. */
  readonly account?: string | undefined;
  /** Key of the account; without it tokens are used. */
  readonly accountKey?: string | undefined;
  /** Gives tokens when there is no key; by default the chain of `@azure/identity`. */
  readonly credential?: AzureTokenCredential | undefined;
  /** The account's blob service, when it is not `https://{account}.blob.core.windows.net`. */
  readonly endpoint?: string | undefined;
}

/** Where the account is and who may use it. */
export interface Account {
  readonly name: string;
  /** The address of the account's blob service, without a trailing slash. */
  readonly endpoint: string;
  readonly access: AccountAccess;
}

/** A key, or tokens; `undefined` means those of the default chain. */
export type AccountAccess =
  | { readonly key: string }
  | { readonly credential: AzureTokenCredential | undefined };

/**
 * The account that options name.
 *
 * @throws StorageConfigurationError naming the variable at fault.
 */
export function accountOf(options: AccountOptions): Account {
  const { connectionString, account, accountKey, credential } = options;
  if (connectionString !== undefined) return parseConnectionString(connectionString);
  if (account === undefined) {
    throw wrong("STORAGE_AZURE_ACCOUNT is not set, nor is STORAGE_AZURE_CONNECTION_STRING");
  }
  if (!/^[a-z0-9]{3,24}$/.test(account)) {
    throw wrong("STORAGE_AZURE_ACCOUNT is not the name of a storage account: 3 to 24 of a-z and 0-9");
  }
  const endpoint = checkEndpoint(options.endpoint ?? `https://${account}.blob.core.windows.net`);
  if (accountKey !== undefined) return { name: account, endpoint, access: { key: checkKey(accountKey) } };
  if (endpoint.startsWith("http:")) {
    throw wrong(
      "STORAGE_AZURE_ENDPOINT must be an https URL, since without STORAGE_AZURE_ACCOUNT_KEY tokens are sent",
    );
  }
  return { name: account, endpoint, access: { credential } };
}

/** The account of Azurite and of the emulator before it, which is the same everywhere and documented. */
const development = {
  name: "devstoreaccount1",
  endpoint: "http://127.0.0.1:10000/devstoreaccount1",
  access: {
    key: "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
  },
};

/** `AccountName=...;AccountKey=...` with an endpoint, or what makes one (Azure Storage, "Configure connection strings"). */
function parseConnectionString(text: string): Account {
  const pairs = new Map(text.split(";").map((pair) => splitPair(pair)));
  if (pairs.get("usedevelopmentstorage") === "true") return development;
  const name = pairs.get("accountname");
  const key = pairs.get("accountkey");
  if (name === undefined || key === undefined) {
    throw wrong("STORAGE_AZURE_CONNECTION_STRING holds no AccountName and AccountKey");
  }
  const { protocol = "https", suffix = "core.windows.net" } = {
    protocol: pairs.get("defaultendpointsprotocol"),
    suffix: pairs.get("endpointsuffix"),
  };
  const endpoint = pairs.get("blobendpoint") ?? `${protocol}://${name}.blob.${suffix}`;
  const variable = "STORAGE_AZURE_CONNECTION_STRING";
  return { name, endpoint: checkEndpoint(endpoint, variable), access: { key: checkKey(key, variable) } };
}

/** A key may end in `=`. */
function splitPair(pair: string): readonly [name: string, value: string] {
  const at = pair.indexOf("=");
  return [pair.slice(0, at).trim().toLowerCase(), pair.slice(at + 1).trim()];
}

function checkEndpoint(text: string, variable = "STORAGE_AZURE_ENDPOINT"): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.search === "" && url.hash === "") {
    return text.replace(/\/+$/, "");
  }
  throw wrong(`${variable} has no http or https URL without a query as the endpoint`);
}

function checkKey(key: string, variable = "STORAGE_AZURE_ACCOUNT_KEY"): string {
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(key) && key.length % 4 === 0) return key;
  throw wrong(`${variable} has no account key: base64, as the portal shows it`);
}

function wrong(message: string): StorageConfigurationError {
  return new StorageConfigurationError({ message });
}
