import { httpUrl, oneOf, secretText, text, variable, wholeNumber } from "../kernel/index.js";

/** Settings of each backend; only those of the one in use are read. */
export const backendVariables = {
  local: {
    /** Folder that holds the files. Default: /data/uploads. Variable: `STORAGE_BASE_PATH`. */
    basePath: variable({
      name: "STORAGE_BASE_PATH",
      aliases: ["RAILWAY_VOLUME_MOUNT_PATH"],
      type: text,
      expected: "a path",
      help: "Folder that holds the files.",
      default: "/data/uploads",
    }),
    /**
     * `full` survives a power cut after each write; `fast` leaves the time of writing to the system. Default:
     * full. Variable: `STORAGE_DURABILITY`.
     */
    durability: variable({
      name: "STORAGE_DURABILITY",
      type: oneOf(["full", "fast"]),
      expected: "full or fast",
      help: "`full` survives a power cut after each write; `fast` leaves the time of writing to the system.",
      default: "full",
    }),
  },
  memory: {
    /**
     * Bytes that all objects together may take, with their keys, metadata and 512 bytes each. Default:
     * 100000000. Variable: `STORAGE_MEMORY_MAX_BYTES`.
     */
    maxBytes: variable({
      name: "STORAGE_MEMORY_MAX_BYTES",
      type: wholeNumber({ min: 1 }),
      expected: "a whole number of bytes above 0",
      help: "Bytes that all objects together may take, with their keys, metadata and 512 bytes each.",
      default: 100_000_000,
    }),
    /** Milliseconds after which an object is gone. Default: never. Variable: `STORAGE_MEMORY_TTL_MS`. */
    ttlMs: variable({
      name: "STORAGE_MEMORY_TTL_MS",
      type: wholeNumber({ min: 1 }),
      expected: "a whole number of milliseconds above 0",
      help: "Milliseconds after which an object is gone.",
      defaultText: "never",
    }),
  },
  s3: {
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
  },
  gcs: {
    /** Bucket. Variable: `STORAGE_GCS_BUCKET`. */
    bucket: variable({ name: "STORAGE_GCS_BUCKET", type: text, expected: "a bucket", help: "Bucket." }),
    /**
     * Project, where the credentials do not tell. Default: that of the credentials. Variable:
     * `STORAGE_GCS_PROJECT`.
     */
    project: variable({
      name: "STORAGE_GCS_PROJECT",
      type: text,
      expected: "a project id",
      help: "Project, where the credentials do not tell.",
      defaultText: "that of the credentials",
    }),
    /**
     * Key file of a service account. Default: Google's default chain. Variable: `STORAGE_GCS_CREDENTIALS_PATH`.
     */
    credentialsPath: variable({
      name: "STORAGE_GCS_CREDENTIALS_PATH",
      aliases: ["GOOGLE_APPLICATION_CREDENTIALS"],
      type: text,
      expected: "a path",
      help: "Key file of a service account.",
      defaultText: "Google's default chain",
    }),
    /** The key file itself, instead of its path. Variable: `STORAGE_GCS_CREDENTIALS`. */
    credentials: variable({
      name: "STORAGE_GCS_CREDENTIALS",
      type: secretText(),
      expected: "the JSON of a key file",
      help: "The key file itself, instead of its path.",
      secret: true,
    }),
    /**
     * Another server, as an emulator or a private endpoint. Default: Google. Variable: `STORAGE_GCS_ENDPOINT`.
     */
    endpoint: variable({
      name: "STORAGE_GCS_ENDPOINT",
      type: httpUrl,
      expected: "an http or https URL",
      help: "Another server, as an emulator or a private endpoint.",
      defaultText: "Google",
    }),
  },
  cloudinary: {
    /** All three of the following in one; each of them beats its part. Variable: `CLOUDINARY_URL`. */
    url: variable({
      name: "CLOUDINARY_URL",
      type: secretText(),
      expected: "cloudinary://key:secret@cloud",
      help: "All three of the following in one; each of them beats its part.",
      secret: true,
    }),
    /** Cloud name. Variable: `STORAGE_CLOUDINARY_CLOUD_NAME`. */
    cloudName: variable({
      name: "STORAGE_CLOUDINARY_CLOUD_NAME",
      type: text,
      expected: "a cloud name",
      help: "Cloud name.",
    }),
    /** API key. Variable: `STORAGE_CLOUDINARY_API_KEY`. */
    apiKey: variable({
      name: "STORAGE_CLOUDINARY_API_KEY",
      type: text,
      expected: "an API key",
      help: "API key.",
    }),
    /** API secret. Variable: `STORAGE_CLOUDINARY_API_SECRET`. */
    apiSecret: variable({
      name: "STORAGE_CLOUDINARY_API_SECRET",
      type: secretText(),
      expected: "an API secret",
      help: "API secret.",
      secret: true,
    }),
    /** Folder of all objects. Default: files. Variable: `STORAGE_CLOUDINARY_FOLDER`. */
    folder: variable({
      name: "STORAGE_CLOUDINARY_FOLDER",
      type: text,
      expected: "a name of A-Z a-z 0-9 _ -",
      help: "Folder of all objects.",
      default: "files",
    }),
    /**
     * API server, as `https://api-eu.cloudinary.com` for Europe. Default: `https://api.cloudinary.com`.
     * Variable: `STORAGE_CLOUDINARY_ENDPOINT`.
     */
    endpoint: variable({
      name: "STORAGE_CLOUDINARY_ENDPOINT",
      type: httpUrl,
      expected: "an http or https URL",
      help: "API server, as `https://api-eu.cloudinary.com` for Europe.",
      defaultText: "`https://api.cloudinary.com`",
    }),
    /**
     * How transformed files are delivered: `cdn-token` needs a plan with token-based access, and URLs of
     * `cdn-permanent` never expire. Default: api. Variable: `STORAGE_CLOUDINARY_DELIVERY`.
     */
    delivery: variable({
      name: "STORAGE_CLOUDINARY_DELIVERY",
      type: oneOf(["api", "cdn-token", "cdn-permanent"]),
      expected: "api, cdn-token or cdn-permanent",
      help: "How transformed files are delivered: `cdn-token` needs a plan with token-based access, and URLs of `cdn-permanent` never expire.",
      default: "api",
    }),
    /** Key of token-based access, for `cdn-token`. Variable: `STORAGE_CLOUDINARY_AUTH_TOKEN_KEY`. */
    authTokenKey: variable({
      name: "STORAGE_CLOUDINARY_AUTH_TOKEN_KEY",
      type: secretText(),
      expected: "a key in hex",
      help: "Key of token-based access, for `cdn-token`.",
      secret: true,
    }),
    /**
     * Where the CDN delivers, when it has a name of its own. Default: `https://res.cloudinary.com/{cloud}`.
     * Variable: `STORAGE_CLOUDINARY_CDN_URL`.
     */
    cdnUrl: variable({
      name: "STORAGE_CLOUDINARY_CDN_URL",
      type: httpUrl,
      expected: "an http or https URL",
      help: "Where the CDN delivers, when it has a name of its own.",
      defaultText: "`https://res.cloudinary.com/{cloud}`",
    }),
  },
  azure: {
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
  },
};
