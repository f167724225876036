import type { RestError } from "@azure/storage-blob";
import { connectionFailure } from "../../contract/connection-failure.js";
import { refusal, ServiceError } from "../../contract/service-error.js";
import { answerError } from "./answer-error.js";

/** What says where the service is, for messages. */
export const addressVariables = "STORAGE_AZURE_ACCOUNT and STORAGE_AZURE_ENDPOINT";

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

function connectionError(error: RestError): ServiceError {
  const { code, message, applied } = connectionFailure(error, addressVariables) ?? {
    code: "unavailable" as const,
  };
  return new ServiceError(code, message, { reason: error.code, ...(applied === false && { applied }) });
}

const variables =
  "STORAGE_AZURE_ACCOUNT_KEY, or what @azure/identity reads: AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_CLIENT_SECRET";

function noIdentity(): ServiceError {
  const explanation = `there is no identity to ask for a token; set ${variables}`;
  return refusal("configuration", explanation);
}

function wrongIdentity(): ServiceError {
  const explanation = `the identity was refused a token; look at ${variables}`;
  return refusal("permission_denied", explanation);
}

/** By the names of the errors of `@azure/identity`. */
const identityErrors: Readonly<Record<string, () => ServiceError>> = {
  CredentialUnavailableError: noIdentity,
  AggregateAuthenticationError: noIdentity,
  AuthenticationError: wrongIdentity,
  AuthenticationRequiredError: wrongIdentity,
};
