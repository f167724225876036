import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isKnownAddress } from "../../contract/known-address.js";
import { isProtected } from "../../contract/protected-address.js";
import { quote } from "../../contract/quote.js";
import { refusal, type ServiceError } from "../../contract/service-error.js";
import { credentialVariables } from "./answer-error.js";

/** Credentials as Google's tools write them: the key of a service account, or a description of where tokens come from. */
export type CredentialsFile = Readonly<Record<string, unknown>>;

export interface CredentialOptions {
  /** JSON, or what it means. */
  readonly credentials: string | CredentialsFile | undefined;
  readonly credentialsPath: string | undefined;
}

/** The key of a service account, which signs without a request. */
export interface ServiceAccountKey {
  readonly email: string;
  readonly privateKey: KeyObject;
}

const google = new URL("https://oauth2.googleapis.com");
/** The second one is in key files, as that of logins and of old keys' tokens. */
const googleDomains = ["googleapis.com", "accounts.google.com"];
/** The domain of Google's services, from which the SDK makes addresses. */
const universe = "googleapis.com";
const universeNames: ReadonlySet<string> = new Set(["universe_domain", "universeDomain"]);

/**
 * The credentials that were given; `undefined` leaves the choice to Google's default chain.
 *
 * @throws ServiceError `configuration` for text or a file that leads secrets to another host than Google's or this machine.
 */
export async function readCredentials(source: CredentialOptions): Promise<CredentialsFile | undefined> {
  const { credentials, credentialsPath } = source;
  if (typeof credentials === "object") return credentials;
  if (credentials !== undefined) return parse(credentials, "STORAGE_GCS_CREDENTIALS");
  if (credentialsPath === undefined) return undefined;
  const text = await readFile(credentialsPath, "utf8").catch((error: unknown) => {
    const why = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    throw unusable(`the file that STORAGE_GCS_CREDENTIALS_PATH names cannot be read${why}`);
  });
  return parse(text, "STORAGE_GCS_CREDENTIALS_PATH");
}

/** The key in the credentials, when they are those of a service account. */
export function serviceAccountKeyOf(credentials: CredentialsFile | undefined): ServiceAccountKey | undefined {
  const { type = "service_account", client_email: email, private_key: pem } = credentials ?? {};
  if (credentials === undefined || type !== "service_account") return undefined;
  if (typeof email !== "string" || typeof pem !== "string") {
    throw unusable(`the key of ${credentialVariables} lacks client_email or private_key`);
  }
  return { email, privateKey: readKey(pem) };
}

/** A member of the credentials that must be text where it is there. */
export function textOf(credentials: CredentialsFile | undefined, name: string): string | undefined {
  const value = credentials?.[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Whether credentials only say where others are found, as those of workload identity do, which name a file or an address. */
export function referToOthers(text: string): boolean {
  return isReference(jsonOf(text));
}

function isReference(credentials: unknown): boolean {
  const { type, source_credentials: source } = Object(credentials);
  return type === "external_account" || (type === "impersonated_service_account" && isReference(source));
}

function parse(text: string, variable: string): CredentialsFile {
  const value = jsonOf(text);
  if (value === undefined) throw unusable(`${variable} does not hold the JSON of a key file`);
  checkAddresses(value, "", variable);
  return value;
}

function jsonOf(text: string): CredentialsFile | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    // Its message would quote the secret.
    return undefined;
  }
}

/**
 * The SDK sends secrets to many of the addresses that it finds, by several spellings of their names: keys, tokens, and the
 * content of files, which a `.env` file may choose. So all of them are judged, but for `credential_source`, from where tokens of
 * other providers come.
 */
function checkAddresses(value: unknown, path: string, variable: string): void {
  if (typeof value === "string" && isForeign(value)) throw foreign(path, variable);
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    const own = path === "" ? name : `${path}.${name}`;
    if (universeNames.has(name) && member !== universe) throw foreign(own, variable);
    if (name !== "credential_source") checkAddresses(member, own, variable);
  }
}

function isForeign(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "https:" && url?.protocol !== "http:") return false;
  const isLocal = isProtected({ protocol: "http:", hostname: url.hostname });
  return !isLocal && !isKnownAddress(url, google, googleDomains);
}

function foreign(path: string, variable: string): ServiceError {
  const message = `${quote(path)} of ${variable} leads neither to Google over https nor to this machine; where it must, give the credentials as an object in code`;
  return unusable(message);
}

function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw unusable(`private_key of ${credentialVariables} is not a PEM key`);
  }
}

function unusable(message: string): ServiceError {
  return refusal("configuration", message);
}
