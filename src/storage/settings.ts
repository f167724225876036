import { z } from "zod";
import {
  httpUrl,
  oneOf,
  type SettingOptions,
  type SettingsOf,
  secretList,
  variable,
  wholeNumber,
} from "../kernel/index.js";
import { type BackendType, backendTypes, type backendVariables } from "./backends.js";
import { isKey } from "./contract/key.js";
import { defaultPublicPrefixes } from "./contract/public-files.js";
import { clamavVariables } from "./policy/clamav-variables.js";
import { typeList } from "./policy/policy-of-settings.js";

/** Fewest characters of a secret, and in production of a token. */
export const secretMinLength = 32;

/** Paths of keys; an empty one would make every file public and is refused. */
const publicPrefixes = z
  .union([
    z.string().transform((value) => value.split(/[\s,]+/).filter((each) => each !== "")),
    z.array(z.string()),
  ])
  .pipe(z.array(z.string().refine((each) => each.endsWith("/") && isKey(each.slice(0, -1)))))
  .transform((prefixes): readonly string[] => Object.freeze(prefixes));

/** Settings that hold for every backend. */
export const storageVariables = {
  /**
   * Where files are kept. When it is not set, the other variables tell. Default: detected. Variable:
   * `STORAGE_BACKEND`.
   */
  backend: variable({
    name: "STORAGE_BACKEND",
    type: oneOf(backendTypes),
    expected: `one of ${backendTypes.join(", ")}`,
    help: "Where files are kept. When it is not set, the other variables tell.",
    defaultText: "detected",
  }),
  /**
   * Where the file route is reached from outside; signed URLs start with it. Default: where the file route
   * is mounted, on localhost. Variable: `STORAGE_BASE_URL`.
   */
  baseUrl: variable({
    name: "STORAGE_BASE_URL",
    type: httpUrl,
    expected: "an http or https URL without a query",
    help: "Where the file route is reached from outside; signed URLs start with it.",
    defaultText: "where the file route is mounted, on localhost",
  }),
  /**
   * Signs URLs of local and memory. In a list the first one signs and all of them verify. Default: local: made
   * once and kept beside the data; an error in production. Variable: `STORAGE_SIGNING_SECRET`.
   */
  signingSecret: variable({
    name: "STORAGE_SIGNING_SECRET",
    type: secretList(secretMinLength),
    expected: `secrets of at least ${secretMinLength} characters each, separated by commas or spaces`,
    help: "Signs URLs of local and memory. In a list the first one signs and all of them verify.",
    secret: true,
    defaultText: "local: made once and kept beside the data; an error in production",
  }),
  /**
   * Where public files are served without a signature: a CDN, a custom domain, a public bucket. Default:
   * none: no file has a public URL. Variable: `STORAGE_PUBLIC_URL`.
   */
  publicUrl: variable({
    name: "STORAGE_PUBLIC_URL",
    type: httpUrl,
    expected: "an http or https URL without a query",
    help: "Where public files are served without a signature: a CDN, a custom domain, a public bucket.",
    defaultText: "none: no file has a public URL",
  }),
  /**
   * Files under these are public: their URLs are permanent and need no signature. Default: public/. Variable:
   * `STORAGE_PUBLIC_PREFIXES`.
   */
  publicPrefixes: variable({
    name: "STORAGE_PUBLIC_PREFIXES",
    type: publicPrefixes,
    expected: "paths of keys that end in /, separated by commas or spaces",
    help: "Files under these are public: their URLs are permanent and need no signature.",
    defaultText: defaultPublicPrefixes.join(", "),
  }),
  /** Largest upload, in bytes. Default: 10485760. Variable: `STORAGE_MAX_UPLOAD_BYTES`. */
  maxUploadBytes: variable({
    name: "STORAGE_MAX_UPLOAD_BYTES",
    type: wholeNumber({ min: 1 }),
    expected: "a whole number of bytes above 0",
    help: "Largest upload, in bytes.",
    default: 10_485_760,
  }),
  /**
   * Types that may be stored, decided by the bytes. Text, CSV, JSON and markup must be named exactly. Default: any.
   * Variable: `STORAGE_ALLOWED_TYPES`.
   */
  allowedTypes: variable({
    name: "STORAGE_ALLOWED_TYPES",
    type: typeList,
    expected: "types like image/* or application/pdf, separated by commas or spaces",
    help: "Types that may be stored, decided by the bytes. Text, CSV, JSON and markup must be named exactly.",
    defaultText: "any",
  }),
  /**
   * The clamd that looks at all content before it is stored. Default: nothing is scanned. Variable:
   * `STORAGE_CLAMAV_URL`.
   */
  clamavUrl: clamavVariables.clamavUrl,
  /**
   * The smallest of StreamMaxLength, MaxFileSize and MaxScanSize of clamd.conf; larger content is refused. Default:
   * 26214400. Variable: `STORAGE_CLAMAV_MAX_BYTES`.
   */
  clamavMaxBytes: clamavVariables.clamavMaxBytes,
  /**
   * Uploads and deletions that each tenant, user and address may make in each window. Default: 0. Variable:
   * `STORAGE_RATE_LIMIT_UPLOADS`.
   */
  rateLimitUploads: variable({
    name: "STORAGE_RATE_LIMIT_UPLOADS",
    type: wholeNumber(),
    expected: "a whole number of requests; 0 for no limit",
    help: "Uploads and deletions that each tenant, user and address may make in each window.",
    default: 0,
  }),
  /**
   * Bytes that each tenant, user and address may upload in each window; at least as many as one upload may have.
   * Default: 0. Variable: `STORAGE_RATE_LIMIT_UPLOAD_BYTES`.
   */
  rateLimitUploadBytes: variable({
    name: "STORAGE_RATE_LIMIT_UPLOAD_BYTES",
    type: wholeNumber(),
    expected: "a whole number of bytes; 0 for no limit",
    help: "Bytes that each tenant, user and address may upload in each window; at least as many as one upload may have.",
    default: 0,
  }),
  /**
   * Signed URLs that each tenant, user and address may ask for in each window. Default: 0. Variable:
   * `STORAGE_RATE_LIMIT_SIGNS`.
   */
  rateLimitSigns: variable({
    name: "STORAGE_RATE_LIMIT_SIGNS",
    type: wholeNumber(),
    expected: "a whole number of requests; 0 for no limit",
    help: "Signed URLs that each tenant, user and address may ask for in each window.",
    default: 0,
  }),
  /**
   * Downloads, listings and look-ups that each tenant, user and address may make in each window. Default: 0.
   * Variable: `STORAGE_RATE_LIMIT_READS`.
   */
  rateLimitReads: variable({
    name: "STORAGE_RATE_LIMIT_READS",
    type: wholeNumber(),
    expected: "a whole number of requests; 0 for no limit",
    help: "Downloads, listings and look-ups that each tenant, user and address may make in each window.",
    default: 0,
  }),
  /**
   * Length of the window of the four limits before, in milliseconds. Default: 60000. Variable:
   * `STORAGE_RATE_LIMIT_WINDOW_MS`.
   */
  rateLimitWindowMs: variable({
    name: "STORAGE_RATE_LIMIT_WINDOW_MS",
    type: wholeNumber({ min: 1, max: 2 ** 31 - 1 }),
    expected: "a whole number of milliseconds from 1 to 2147483647",
    help: "Length of the window of the four limits before, in milliseconds.",
    default: 60_000,
  }),
  /**
   * Milliseconds between two sweeps of abandoned uploads in one process. Default: 3600000. Variable:
   * `STORAGE_SWEEP_MS`.
   */
  sweepMs: variable({
    name: "STORAGE_SWEEP_MS",
    type: wholeNumber({ max: 2 ** 31 - 1 }),
    expected: "a whole number of milliseconds up to 2147483647; 0 for no sweeps",
    help: "Milliseconds between two sweeps of abandoned uploads in one process.",
    default: 3_600_000,
  }),
  /**
   * Bearer tokens of the management routes that `svc-infra serve` mounts; any of them is taken. Variable:
   * `STORAGE_API_TOKEN`.
   */
  apiToken: variable({
    name: "STORAGE_API_TOKEN",
    type: secretList(),
    expected: "tokens, separated by commas or spaces; in production of at least 32 characters each",
    help: "Bearer tokens of the management routes that `svc-infra serve` mounts; any of them is taken.",
    secret: true,
  }),
  /**
   * Milliseconds without progress after which a call to the backend fails. Default: 30000. Variable:
   * `STORAGE_TIMEOUT_MS`.
   */
  timeoutMs: variable({
    name: "STORAGE_TIMEOUT_MS",
    type: wholeNumber({ min: 1, max: 2 ** 31 - 1 }),
    expected: "a whole number of milliseconds from 1 to 2147483647",
    help: "Milliseconds without progress after which a call to the backend fails.",
    default: 30_000,
  }),
};

/** Values of {@link storageVariables}. */
export type StorageSettings = SettingsOf<typeof storageVariables>;

type CommonOptions = Omit<SettingOptions<typeof storageVariables>, "backend">;

type OptionsOfBackend = {
  [T in BackendType]: {
    /**
     * Where files are kept. When it is not set, the other variables tell. Default: detected. Variable:
     * `STORAGE_BACKEND`.
     */
    readonly backend: T;
  } & SettingOptions<(typeof backendVariables)[T]>;
}[BackendType];

/** Settings given in code, each beating its variable. A backend's own options go with its name. */
export type EasyStorageOptions = CommonOptions & (OptionsOfBackend | { readonly backend?: undefined });
