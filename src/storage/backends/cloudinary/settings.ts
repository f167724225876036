import { ConfigurationError, httpUrl, oneOf, secretText, text, variable } from "../../../kernel/index.js";
import { backendRow } from "../../contract/backend-row.js";

/** Variables of Cloudinary. */
export const cloudinaryVariables = {
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
};

/** How the environment chooses and makes this backend. */
export const cloudinaryRow = backendRow({
  variables: cloudinaryVariables,
  place: "cloudName",
  scope: ["url", "folder"],
  credentials: ["apiSecret", "url"],
  endpointWithin: {
    setting: "url",
    find: async ({ url }) => (await import("./account.js")).endpointIn(url?.reveal()),
  },
  detectedBy: ["CLOUDINARY_URL"],
  required: ["cloudName", "apiKey", "apiSecret"],
  instead: { of: ["cloudName", "apiKey", "apiSecret"], option: "url" },
  overrules: { cloudName: ["url"], apiKey: ["url"], apiSecret: ["url"] },
  signsWithSecret: false,
  endpointOf: async ({ url, apiSecret, cloudName, apiKey, endpoint }) => {
    const { parseAccount } = await import("./account.js");
    const secrets = { url: url?.reveal(), apiSecret: apiSecret?.reveal() };
    return parseAccount({ cloudName, apiKey, endpoint, ...secrets }).endpoint;
  },
  create: async ({ url, apiSecret, authTokenKey, ...own }) => {
    const { isCloudinaryUrl } = await import("./account.js");
    if (url !== undefined && !isCloudinaryUrl(url.reveal())) {
      const { name, expected } = cloudinaryVariables.url;
      throw new ConfigurationError([{ name, message: `expected ${expected}` }]);
    }
    const { CloudinaryBackend } = await import("./backend.js");
    const secrets = { apiSecret: apiSecret?.reveal(), authTokenKey: authTokenKey?.reveal() };
    return new CloudinaryBackend({ ...own, ...secrets, url: url?.reveal() });
  },
});
