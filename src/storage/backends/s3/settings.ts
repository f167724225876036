import { StorageConfigurationError } from "../../contract/error.js";
import type { S3Encryption } from "./headers/encryption.js";
import type { S3BackendOptions } from "./options.js";

/** A secret as settings hold it. */
interface Revealable {
  reveal(): string;
}

/** What the environment says of S3, each under its option's name. */
export interface S3Settings
  extends Pick<S3BackendOptions, "region" | "endpoint" | "provider" | "accessKey" | "addressing"> {
  readonly bucket: string | undefined;
  readonly secretKey: Revealable | undefined;
  readonly sessionToken: Revealable | undefined;
  readonly encryption: S3Encryption["type"] | undefined;
  readonly kmsKeyId: string | undefined;
  readonly customerKey: Revealable | undefined;
}

/**
 * The options that settings mean.
 *
 * @throws StorageConfigurationError naming the variable at fault.
 */
export function s3OptionsOf(settings: S3Settings): S3BackendOptions {
  const {
    bucket = "",
    region,
    endpoint,
    provider,
    accessKey,
    secretKey,
    sessionToken,
    addressing,
  } = settings;
  return {
    bucket,
    region,
    endpoint,
    provider,
    accessKey,
    secretKey: secretKey?.reveal(),
    sessionToken: sessionToken?.reveal(),
    addressing,
    encryption: encryptionOf(settings),
  };
}

function encryptionOf({ encryption, kmsKeyId, customerKey }: S3Settings): S3Encryption | undefined {
  if (encryption === "sse-s3") return { type: encryption };
  if (encryption === "sse-kms") return { type: encryption, keyId: kmsKeyId };
  if (encryption === undefined) return undefined;
  if (customerKey !== undefined)
    return { type: encryption, key: Buffer.from(customerKey.reveal(), "base64") };
  throw new StorageConfigurationError({ message: "STORAGE_S3_CUSTOMER_KEY is needed for sse-c" });
}
