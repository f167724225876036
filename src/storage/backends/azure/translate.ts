import type { RestError } from "@azure/storage-blob";
import { answerError } from "./answer-error.js";
import { AzureError } from "./azure-error.js";

/** Told while there is no connection yet: nothing was sent. */
const neverConnected: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);
const certificate = /CERT|ERR_TLS|SELF_SIGNED|UNABLE_TO_VERIFY|HOSTNAME_MISMATCH/;

/** What an error of the SDK is; anything else stays as it is. */
export function translate(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (isRestError(error)) {
    const { statusCode: status, code, response } = error;
    if (status === undefined) return connectionError(code);
    return answerError({
      status,
      code,
      body: response?.bodyAsText,
      header: (name) => response?.headers.get(name),
    });
  }
  return identityErrors[error.name]?.() ?? error;
}

function isRestError(error: Error): error is RestError {
  return error.name === "RestError";
}

function connectionError(reason: string | undefined): AzureError {
  if (reason === "ENOTFOUND") {
    const explanation =
      "the account's host is not known; look at STORAGE_AZURE_ACCOUNT and STORAGE_AZURE_ENDPOINT";
    return new AzureError("unavailable", { explanation, reason, applied: false });
  }
  if (reason !== undefined && neverConnected.has(reason)) {
    const explanation = "the service cannot be reached; look at STORAGE_AZURE_ENDPOINT if it is set";
    return new AzureError("unavailable", { explanation, reason, applied: false });
  }
  if (reason !== undefined && certificate.test(reason)) {
    const explanation = "the server's certificate is not trusted; look at STORAGE_AZURE_ENDPOINT";
    return new AzureError("configuration", { explanation, reason, applied: false });
  }
  return new AzureError("unavailable", { reason });
}

const variables =
  "STORAGE_AZURE_ACCOUNT_KEY, or what @azure/identity reads: AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_CLIENT_SECRET";

function noIdentity(): AzureError {
  const explanation = `there is no identity to ask for a token; set ${variables}`;
  return new AzureError("configuration", { explanation, applied: false });
}

function wrongIdentity(): AzureError {
  const explanation = `the identity was refused a token; look at ${variables}`;
  return new AzureError("permission_denied", { explanation, applied: false });
}

/** By the names of the errors of `@azure/identity`. */
const identityErrors: Readonly<Record<string, () => AzureError>> = {
  CredentialUnavailableError: noIdentity,
  AggregateAuthenticationError: noIdentity,
  AuthenticationError: wrongIdentity,
  AuthenticationRequiredError: wrongIdentity,
};
