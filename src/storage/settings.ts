import {
  httpUrl,
  oneOf,
  type SettingOptions,
  type SettingsOf,
  secretList,
  secretText,
  text,
  variable,
  wholeNumber,
} from "../kernel/index.js";

/** Backends that `STORAGE_BACKEND` can name, in the order in which they are detected. */
export const backendTypes = ["local", "s3", "gcs", "cloudinary", "azure", "memory"] as const;

/** A backend, as `STORAGE_BACKEND` names it. */
export type BackendType = (typeof backendTypes)[number];

const secretMinLength = 32;

/** Settings that hold whatever the backend. */
export const storageVariables = {
  backend: variable({
    name: "STORAGE_BACKEND",
    type: oneOf(backendTypes),
    expected: `one of ${backendTypes.join(", ")}`,
    help: "Where files are kept. When it is not set, the other variables tell.",
    defaultText: "detected",
  }),
  baseUrl: variable({
    name: "STORAGE_BASE_URL",
    type: httpUrl,
    expected: "an http or https URL without a query",
    help: "Where the file route is reached from outside; signed URLs start with it.",
    default: "http://localhost:8000/files",
  }),
  signingSecret: variable({
    name: "STORAGE_SIGNING_SECRET",
    type: secretList(secretMinLength),
    expected: `secrets of at least ${secretMinLength} characters each, separated by commas or spaces`,
    help: "Signs URLs of local and memory. In a list the first one signs and all of them verify.",
    secret: true,
    defaultText: "local: made once and kept beside the data; an error in production",
  }),
  maxUploadBytes: variable({
    name: "STORAGE_MAX_UPLOAD_BYTES",
    type: wholeNumber({ min: 1 }),
    expected: "a whole number of bytes above 0",
    help: "Largest upload, in bytes.",
    default: 10_485_760,
  }),
  apiToken: variable({
    name: "STORAGE_API_TOKEN",
    type: secretText(),
    expected: "a token that is not empty",
    help: "Bearer token of the management routes that `svc-infra serve` mounts.",
    secret: true,
  }),
  timeoutMs: variable({
    name: "STORAGE_TIMEOUT_MS",
    type: wholeNumber({ min: 1, max: 2 ** 31 - 1 }),
    expected: "a whole number of milliseconds from 1 to 2147483647",
    help: "Milliseconds without progress after which a call to the backend fails.",
    default: 30_000,
  }),
};

/** Settings of each backend; only those of the one in use are read. */
export const backendVariables = {
  local: {
    basePath: variable({
      name: "STORAGE_BASE_PATH",
      aliases: ["RAILWAY_VOLUME_MOUNT_PATH"],
      type: text,
      expected: "a path",
      help: "Folder that holds the files.",
      default: "/data/uploads",
    }),
    durability: variable({
      name: "STORAGE_DURABILITY",
      type: oneOf(["full", "fast"]),
      expected: "full or fast",
      help: "`full` survives a power cut after each write; `fast` leaves the time of writing to the system.",
      default: "full",
    }),
  },
  memory: {
    maxBytes: variable({
      name: "STORAGE_MEMORY_MAX_BYTES",
      type: wholeNumber({ min: 1 }),
      expected: "a whole number of bytes above 0",
      help: "Bytes that all objects together may have.",
      default: 100_000_000,
    }),
    ttlMs: variable({
      name: "STORAGE_MEMORY_TTL_MS",
      type: wholeNumber({ min: 1 }),
      expected: "a whole number of milliseconds above 0",
      help: "Milliseconds after which an object is gone.",
      defaultText: "never",
    }),
  },
  s3: {
    bucket: variable({ name: "STORAGE_S3_BUCKET", type: text, expected: "a bucket", help: "Bucket." }),
    provider: variable({
      name: "STORAGE_S3_PROVIDER",
      type: oneOf(["aws", "r2", "minio", "spaces", "wasabi", "b2", "ceph", "swift", "other"]),
      expected: "aws, r2, minio, spaces, wasabi, b2, ceph, swift or other",
      help: "Service behind the endpoint, which decides what can be done.",
      defaultText: "what the endpoint's host tells, else other",
    }),
    region: variable({
      name: "STORAGE_S3_REGION",
      aliases: ["AWS_REGION"],
      type: text,
      expected: "a region",
      help: "Region.",
      default: "us-east-1",
    }),
    endpoint: variable({
      name: "STORAGE_S3_ENDPOINT",
      type: httpUrl,
      expected: "an http or https URL",
      help: "Server of another provider than AWS.",
      defaultText: "AWS",
    }),
    accessKey: variable({
      name: "STORAGE_S3_ACCESS_KEY",
      aliases: ["AWS_ACCESS_KEY_ID"],
      type: text,
      expected: "an access key id",
      help: "Access key id.",
    }),
    secretKey: variable({
      name: "STORAGE_S3_SECRET_KEY",
      aliases: ["AWS_SECRET_ACCESS_KEY"],
      type: secretText(),
      expected: "a secret access key",
      help: "Secret access key.",
      secret: true,
    }),
    sessionToken: variable({
      name: "STORAGE_S3_SESSION_TOKEN",
      aliases: ["AWS_SESSION_TOKEN"],
      type: secretText(),
      expected: "a session token",
      help: "Belongs to temporary keys.",
      secret: true,
    }),
    addressing: variable({
      name: "STORAGE_S3_ADDRESSING",
      type: oneOf(["path", "host"]),
      expected: "path or host",
      help: "Whether the bucket stands in the path of URLs or in their host.",
      defaultText: "what the service wants",
    }),
    encryption: variable({
      name: "STORAGE_S3_ENCRYPTION",
      type: oneOf(["sse-s3", "sse-kms", "sse-c"]),
      expected: "sse-s3, sse-kms or sse-c",
      help: "How the service encrypts what it keeps.",
      defaultText: "what the bucket says",
    }),
    kmsKeyId: variable({
      name: "STORAGE_S3_KMS_KEY_ID",
      type: text,
      expected: "the id of a KMS key",
      help: "Key of sse-kms.",
      defaultText: "the account's own",
    }),
    customerKey: variable({
      name: "STORAGE_S3_CUSTOMER_KEY",
      type: secretText(),
      expected: "32 bytes in base64",
      help: "Key of sse-c, which goes along with every request.",
      secret: true,
    }),
  },
  gcs: {
    bucket: variable({ name: "STORAGE_GCS_BUCKET", type: text, expected: "a bucket", help: "Bucket." }),
    project: variable({
      name: "STORAGE_GCS_PROJECT",
      type: text,
      expected: "a project id",
      help: "Project, where the credentials do not tell.",
      defaultText: "that of the credentials",
    }),
    credentialsPath: variable({
      name: "STORAGE_GCS_CREDENTIALS_PATH",
      aliases: ["GOOGLE_APPLICATION_CREDENTIALS"],
      type: text,
      expected: "a path",
      help: "Key file of a service account.",
      defaultText: "Google's default chain",
    }),
    credentials: variable({
      name: "STORAGE_GCS_CREDENTIALS",
      type: secretText(),
      expected: "the JSON of a key file",
      help: "The key file itself, instead of its path.",
      secret: true,
    }),
    endpoint: variable({
      name: "STORAGE_GCS_ENDPOINT",
      type: httpUrl,
      expected: "an http or https URL",
      help: "Another server, as an emulator or a private endpoint.",
      defaultText: "Google",
    }),
  },
  cloudinary: {
    url: variable({
      name: "CLOUDINARY_URL",
      type: secretText(),
      expected: "cloudinary://key:secret@cloud",
      help: "All three of the following in one; each of them beats its part.",
      secret: true,
    }),
    cloudName: variable({
      name: "STORAGE_CLOUDINARY_CLOUD_NAME",
      type: text,
      expected: "a cloud name",
      help: "Cloud name.",
    }),
    apiKey: variable({
      name: "STORAGE_CLOUDINARY_API_KEY",
      type: text,
      expected: "an API key",
      help: "API key.",
    }),
    apiSecret: variable({
      name: "STORAGE_CLOUDINARY_API_SECRET",
      type: secretText(),
      expected: "an API secret",
      help: "API secret.",
      secret: true,
    }),
    folder: variable({
      name: "STORAGE_CLOUDINARY_FOLDER",
      type: text,
      expected: "a name of A-Z a-z 0-9 _ -",
      help: "Folder of all objects.",
      default: "files",
    }),
    endpoint: variable({
      name: "STORAGE_CLOUDINARY_ENDPOINT",
      type: httpUrl,
      expected: "an http or https URL",
      help: "API server, as `https://api-eu.cloudinary.com` for Europe.",
      defaultText: "`https://api.cloudinary.com`",
    }),
    delivery: variable({
      name: "STORAGE_CLOUDINARY_DELIVERY",
      type: oneOf(["api", "cdn-token", "cdn-permanent"]),
      expected: "api, cdn-token or cdn-permanent",
      help: "How transformed files are delivered: `cdn-token` needs a plan with token-based access, and URLs of `cdn-permanent` never expire.",
      default: "api",
    }),
    authTokenKey: variable({
      name: "STORAGE_CLOUDINARY_AUTH_TOKEN_KEY",
      type: secretText(),
      expected: "a key in hex",
      help: "Key of token-based access, for `cdn-token`.",
      secret: true,
    }),
    cdnUrl: variable({
      name: "STORAGE_CLOUDINARY_CDN_URL",
      type: httpUrl,
      expected: "an http or https URL",
      help: "Where the CDN delivers, when it has a name of its own.",
      defaultText: "`https://res.cloudinary.com/{cloud}`",
    }),
  },
  azure: {
    container: variable({
      name: "STORAGE_AZURE_CONTAINER",
      type: text,
      expected: "a container",
      help: "Container.",
    }),
    connectionString: variable({
      name: "STORAGE_AZURE_CONNECTION_STRING",
      aliases: ["AZURE_STORAGE_CONNECTION_STRING"],
      type: secretText(),
      expected: "a connection string with AccountName and AccountKey",
      help: "All three of the following in one; beats them.",
      secret: true,
    }),
    account: variable({
      name: "STORAGE_AZURE_ACCOUNT",
      aliases: ["AZURE_STORAGE_ACCOUNT"],
      type: text,
      expected: "an account name",
      help: "Storage account.",
    }),
    accountKey: variable({
      name: "STORAGE_AZURE_ACCOUNT_KEY",
      aliases: ["AZURE_STORAGE_KEY"],
      type: secretText(),
      expected: "an account key",
      help: "Key of the storage account.",
      secret: true,
      defaultText: "tokens of the default chain",
    }),
    endpoint: variable({
      name: "STORAGE_AZURE_ENDPOINT",
      type: httpUrl,
      expected: "an http or https URL",
      help: "Blob service of the account: an emulator, a sovereign cloud, a private or custom domain.",
      defaultText: "`https://{account}.blob.core.windows.net`",
    }),
  },
};

/** Values of {@link storageVariables}. */
export type StorageSettings = SettingsOf<typeof storageVariables>;

/** Values of one backend's variables. */
export type BackendSettings<T extends BackendType> = SettingsOf<(typeof backendVariables)[T]>;

type CommonOptions = Omit<SettingOptions<typeof storageVariables>, "backend">;

type OptionsOfBackend = {
  [T in BackendType]: { readonly backend: T } & SettingOptions<(typeof backendVariables)[T]>;
}[BackendType];

/** Settings given in code, each beating its variable. A backend's own options go with its name. */
export type EasyStorageOptions = CommonOptions & (OptionsOfBackend | { readonly backend?: undefined });
