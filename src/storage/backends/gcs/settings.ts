import { httpUrl, secretText, text, variable } from "../../../kernel/index.js";
import { backendRow } from "../../contract/backend-row.js";

/** Variables of Google Cloud Storage. */
export const gcsVariables = {
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
};

/** How the environment chooses and makes this backend. */
export const gcsRow = backendRow({
  variables: gcsVariables,
  place: "bucket",
  scope: ["endpoint"],
  credentials: ["credentials"],
  credentialFiles: ["credentialsPath"],
  referToOthers: async ({ credentials }) =>
    credentials !== undefined && (await import("./credentials.js")).referToOthers(credentials.reveal()),
  detectedBy: ["GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_GCS_BUCKET"],
  required: ["bucket"],
  overrules: { credentials: ["credentialsPath"] },
  signsWithSecret: false,
  endpointOf: async ({ endpoint }) => endpoint ?? (await import("./options.js")).googleEndpoint,
  create: async ({ bucket = "", credentials, ...own }) => {
    const { GcsBackend } = await import("./backend.js");
    return new GcsBackend({ ...own, bucket, credentials: credentials?.reveal() });
  },
});
