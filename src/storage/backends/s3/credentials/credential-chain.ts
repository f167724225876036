import { StorageConfigurationError } from "../../../contract/error.js";
import type { S3CredentialProvider, S3CredentialRequest, S3Credentials } from "./credentials.js";

const variables = "STORAGE_S3_ACCESS_KEY and STORAGE_S3_SECRET_KEY";

/**
 * The official chain of the AWS SDK: environment, shared files and SSO, web identity, containers, instances. Its package
 * is loaded when keys are asked for.
 *
 * @throws StorageConfigurationError when it is not installed, or finds no keys.
 */
export function credentialChain(region: string): S3CredentialProvider {
  let chain: S3CredentialProvider | undefined;
  return async (request) => {
    chain ??= await loadChain(region);
    return find(chain, request);
  };
}

async function loadChain(region: string): Promise<S3CredentialProvider> {
  try {
    const { fromNodeProviderChain } = await import("@aws-sdk/credential-providers");
    return fromNodeProviderChain({ clientConfig: { region } });
  } catch (cause) {
    const message = `${variables} are not set; to find keys elsewhere, npm install @aws-sdk/credential-providers`;
    throw new StorageConfigurationError({ message, cause });
  }
}

async function find(chain: S3CredentialProvider, request?: S3CredentialRequest): Promise<S3Credentials> {
  try {
    return await chain(request);
  } catch (cause) {
    const message = `${variables} are not set, and the chain of the AWS SDK finds no keys`;
    throw new StorageConfigurationError({ message, cause });
  }
}
