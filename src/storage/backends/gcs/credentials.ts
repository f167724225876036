import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { refusal, type ServiceError } from "../../contract/service-error.js";
import { credentialVariables } from "./answer-error.js";

/** Credentials as Google's tools write them: the key of a service account, or a description of where tokens come from. */
export type CredentialsFile = Readonly<Record<string, unknown>>;

export interface CredentialsSource {
  /** JSON, or what it means. */
  readonly credentials: string | CredentialsFile | undefined;
  readonly credentialsPath: string | undefined;
}

/** The key of a service account, which signs without a request. */
export interface ServiceAccountKey {
  readonly email: string;
  readonly privateKey: KeyObject;
}

/** The credentials that were given; `undefined` leaves the choice to Google's default chain. */
export async function readCredentials(source: CredentialsSource): Promise<CredentialsFile | undefined> {
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

function parse(text: string, variable: string): CredentialsFile {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Its message would quote the secret.
  }
  throw unusable(`${variable} does not hold the JSON of a key file`);
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
