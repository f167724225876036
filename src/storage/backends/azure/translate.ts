import type { RestError } from "@azure/storage-blob";
import { connectionFailure } from "../../contract/connection-failure.js";
import { answerError } from "./answer-error.js";
import { AzureError } from "./azure-error.js";

const place = "STORAGE_AZURE_ACCOUNT and STORAGE_AZURE_ENDPOINT";

/** What an error of the SDK is; anything else stays as it is. */
export function translate(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (isRestError(error)) {
    const { statusCode: status, code, response } = error;
    if (status === undefined) return connectionError(error);
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

function connectionError(error: RestError): AzureError {
  const { code, message, applied } = connectionFailure(error, place) ?? { code: "unavailable" as const };
  return new AzureError(code, { explanation: message, reason: error.code, applied });
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
