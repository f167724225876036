import type { SettingsOf } from "../../../kernel/index.js";
import { httpUrl, oneOf, secretText, text, variable } from "../../../kernel/index.js";
import { backendRow } from "../../contract/backend-row.js";
import { StorageConfigurationError } from "../../contract/error.js";
import type { S3Encryption } from "./headers/encryption.js";
import type { S3BackendOptions } from "./options.js";

/** Variables of S3. */
export const s3Variables = {
  /** Bucket. Variable: `STORAGE_S3_BUCKET`. */
  bucket: variable({ name: "STORAGE_S3_BUCKET", type: text, expected: "a bucket", help: "Bucket." }),
  /**
   * Service behind the endpoint, which decides what can be done. Default: what the endpoint's host tells,
   * else other. Variable: `STORAGE_S3_PROVIDER`.
   */
  provider: variable({
    name: "STORAGE_S3_PROVIDER",
    type: oneOf(["aws", "r2", "minio", "spaces", "wasabi", "b2", "ceph", "swift", "other"]),
    expected: "aws, r2, minio, spaces, wasabi, b2, ceph, swift or other",
    help: "Service behind the endpoint, which decides what can be done.",
    defaultText: "what the endpoint's host tells, else other",
  }),
  /** Region. Default: us-east-1. Variable: `STORAGE_S3_REGION`. */
  region: variable({
    name: "STORAGE_S3_REGION",
    aliases: ["AWS_REGION"],
    type: text,
    expected: "a region",
    help: "Region.",
    default: "us-east-1",
  }),
  /** Server of another provider than AWS. Default: AWS. Variable: `STORAGE_S3_ENDPOINT`. */
  endpoint: variable({
    name: "STORAGE_S3_ENDPOINT",
    type: httpUrl,
    expected: "an http or https URL",
    help: "Server of another provider than AWS.",
    defaultText: "AWS",
  }),
  /** Access key id. Variable: `STORAGE_S3_ACCESS_KEY`. */
  accessKey: variable({
    name: "STORAGE_S3_ACCESS_KEY",
    aliases: ["AWS_ACCESS_KEY_ID"],
    type: text,
    expected: "an access key id",
    help: "Access key id.",
  }),
  /** Secret access key. Variable: `STORAGE_S3_SECRET_KEY`. */
  secretKey: variable({
    name: "STORAGE_S3_SECRET_KEY",
    aliases: ["AWS_SECRET_ACCESS_KEY"],
    type: secretText(),
    expected: "a secret access key",
    help: "Secret access key.",
    secret: true,
  }),
  /** Belongs to temporary keys. Variable: `STORAGE_S3_SESSION_TOKEN`. */
  sessionToken: variable({
    name: "STORAGE_S3_SESSION_TOKEN",
    aliases: ["AWS_SESSION_TOKEN"],
    type: secretText(),
    expected: "a session token",
    help: "Belongs to temporary keys.",
    secret: true,
  }),
  /**
   * Whether the bucket stands in the path of URLs or in their host. Default: what the service wants.
   * Variable: `STORAGE_S3_ADDRESSING`.
   */
  addressing: variable({
    name: "STORAGE_S3_ADDRESSING",
    type: oneOf(["path", "host"]),
    expected: "path or host",
    help: "Whether the bucket stands in the path of URLs or in their host.",
    defaultText: "what the service wants",
  }),
  /**
   * How the service encrypts what it keeps. Default: what the bucket says. Variable: `STORAGE_S3_ENCRYPTION`.
   */
  encryption: variable({
    name: "STORAGE_S3_ENCRYPTION",
    type: oneOf(["sse-s3", "sse-kms", "sse-c"]),
    expected: "sse-s3, sse-kms or sse-c",
    help: "How the service encrypts what it keeps.",
    defaultText: "what the bucket says",
  }),
  /** Key of sse-kms. Default: the account's own. Variable: `STORAGE_S3_KMS_KEY_ID`. */
  kmsKeyId: variable({
    name: "STORAGE_S3_KMS_KEY_ID",
    type: text,
    expected: "the id of a KMS key",
    help: "Key of sse-kms.",
    defaultText: "the account's own",
  }),
  /** Key of sse-c, which goes along with every request. Variable: `STORAGE_S3_CUSTOMER_KEY`. */
  customerKey: variable({
    name: "STORAGE_S3_CUSTOMER_KEY",
    type: secretText(),
    expected: "32 bytes in base64",
    help: "Key of sse-c, which goes along with every request.",
    secret: true,
  }),
};

/** How the environment chooses and makes this backend. */
export const s3Row = backendRow({
  variables: s3Variables,
  place: "bucket",
  scope: ["endpoint"],
  normalizeLocation: async ({ endpoint, ...rest }) => {
    const { isWorldwideAws } = await import("./providers.js");
    return typeof endpoint === "string" && !isWorldwideAws(endpoint) ? { ...rest, endpoint } : rest;
  },
  credentials: ["secretKey"],
  alsoSent: ["sessionToken", "customerKey"],
  detectedBy: ["AWS_ACCESS_KEY_ID", "STORAGE_S3_BUCKET"],
  required: ["bucket"],
  // A token is that of one pair of keys.
  overrules: { sessionToken: ["accessKey", "secretKey"] },
  signsWithSecret: false,
  endpointOf: async ({ endpoint, region }) => {
    const { awsEndpoint } = await import("./wire/location.js");
    return endpoint ?? awsEndpoint(region).href;
  },
  create: async (own) => {
    const { S3Backend } = await import("./backend.js");
    return new S3Backend(s3OptionsOf(own));
  },
});

/** @throws StorageConfigurationError naming the variable at fault. */
function s3OptionsOf(settings: SettingsOf<typeof s3Variables>): S3BackendOptions {
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

function encryptionOf({
  encryption,
  kmsKeyId,
  customerKey,
}: SettingsOf<typeof s3Variables>): S3Encryption | undefined {
  if (encryption === "sse-s3") return { type: encryption };
  if (encryption === "sse-kms") return { type: encryption, keyId: kmsKeyId };
  if (encryption === undefined) return undefined;
  if (customerKey !== undefined)
    return { type: encryption, key: Buffer.from(customerKey.reveal(), "base64") };
  throw new StorageConfigurationError({ message: "STORAGE_S3_CUSTOMER_KEY is needed for sse-c" });
}
