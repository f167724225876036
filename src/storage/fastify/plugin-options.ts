import { httpVariables } from "../../http/index.js";
import {
  ConfigurationError,
  type Environment,
  isVariableSet,
  loadSettings,
  readEnvironment,
  redisUrl,
  type Secret,
} from "../../kernel/index.js";
import { StorageConfigurationError } from "../contract/error.js";
import type { UrlSigner } from "../contract/signed-url.js";
import { checkMethods, checkStorageOptions, type OptionRules } from "../contract/storage-options.js";
import type { PolicyOptions } from "../policy/index.js";
import { Policy } from "../policy/policy.js";
import { storageVariables } from "../settings.js";
import type { ResourcePolicy } from "./download/response-headers.js";
import type { RateLimits } from "./rate-limit.js";
import type { Authorize } from "./routes/authorize.js";

/** Which files the file route serves without a signature, and how long caches keep them. */
export interface PublicFilesRules {
  /** Paths of keys that end in `/`. Default: `STORAGE_PUBLIC_PREFIXES`, else `public/`. */
  readonly prefixes?: readonly string[] | undefined;
  /** Seconds that caches keep a file for which `put` was given no `cacheControl`. Default: 3,600. */
  readonly maxAge?: number | undefined;
  /** A file never changes under its key: caches keep it for a year and never ask again. Default: false. */
  readonly immutable?: boolean | undefined;
}

/** What `addStorage` does besides decorating the app. */
export interface AddStorageOptions {
  /**
   * Mounts the management routes for the callers that it admits. The word `open` mounts them for every client that
   * can reach the service.
   */
  readonly authorize?: Authorize | "open" | undefined;
  /** Path of the management routes. Default: `/_storage`. */
  readonly managementPrefix?: string | undefined;
  /**
   * Mounts the file route for signed URLs, under `/files` or a prefix. Default: `auto`, which mounts it where the
   * backend cannot sign URLs that its provider serves.
   */
  readonly serveFiles?: boolean | "auto" | { readonly prefix: string } | undefined;
  /**
   * Signs the URLs of the file route. Default: the backend's own, else `STORAGE_BASE_URL` and
   * `STORAGE_SIGNING_SECRET`.
   */
  readonly signer?: UrlSigner | undefined;
  /** Most bytes of one upload. Default: `STORAGE_MAX_UPLOAD_BYTES`, else 10 MiB. */
  readonly maxUploadBytes?: number | undefined;
  /** What content must satisfy, besides what the storage itself demands; see `docs/guide/policy.md`. */
  readonly policy?: PolicyOptions | undefined;
  /**
   * Files that the file route serves without a signature. Its prefixes are also those of the permanent URLs of a storage that
   * `addStorage` makes. Default: those that `STORAGE_PUBLIC_URL` or `STORAGE_PUBLIC_PREFIXES` declare, else none; `false`
   * leaves them to what is behind `STORAGE_PUBLIC_URL`.
   */
  readonly publicFiles?: false | PublicFilesRules | undefined;
  /** Whose pages may show the files of the file route. Default: `cross-origin`, as the URL carries the right. */
  readonly resourcePolicy?: ResourcePolicy | undefined;
  /**
   * Origins whose pages may call the management routes, beside the service's own. Default: `CORS_ALLOW_ORIGINS`.
   * The word `*` lets no page change anything.
   */
  readonly allowOrigins?: readonly string[] | undefined;
  /**
   * What each tenant, user and address may do in a minute: `{ uploads: 100, signs: 1000, reads: 6000 }` are requests,
   * `{ uploadBytes: 1e9 }` are bytes. Default: `STORAGE_RATE_LIMIT_…`, else anything.
   */
  readonly rateLimit?: Partial<RateLimits> | undefined;
  /**
   * Stands before the keys of these limits in Redis: services that share one must each have their own, or they share the
   * limits. Default: nothing; `easyServiceApp` puts its name there.
   */
  readonly keyPrefix?: string | undefined;
  /**
   * Where the settings come from that no option gives, and whether this is production. A storage that is given keeps the
   * settings that it was made with. Default: the environment of the process.
   */
  readonly env?: Environment | undefined;
  /** Milliseconds between sweeps of abandoned uploads; 0 for none. Default: `STORAGE_SWEEP_MS`, else an hour. */
  readonly sweepMs?: number | undefined;
  /** Adds `GET /_health/storage` and a readiness check. Default: true. */
  readonly health?: boolean | undefined;
  /** Name on the app, for a second storage. Default: `storage`. */
  readonly decorator?: string | undefined;
  /** Milliseconds that the first connection may take. Default: 5,000. */
  readonly startTimeoutMs?: number | undefined;
  /** Milliseconds that running transfers have left when the app closes. Default: 5,000. */
  readonly closeGraceMs?: number | undefined;
}

/** {@link AddStorageOptions} with everything filled in. */
export interface PluginSettings {
  /** Stands before the path of every route; empty, or like `/v1`. */
  readonly root: string;
  readonly authorize: Authorize | "open" | undefined;
  readonly managementPrefix: string;
  /** Path of the file route, where it is mounted. */
  readonly filesPrefix: string;
  readonly serveFiles: boolean | "auto";
  readonly signer: UrlSigner | undefined;
  /** As the option says. */
  readonly maxUploadBytes: number | undefined;
  /** The one number of the policy, where it has one for all types. */
  readonly policyBytes: number | undefined;
  readonly publicFiles: false | PublicFilesRules | undefined;
  readonly resourcePolicy: ResourcePolicy;
  readonly allowOrigins: readonly string[];
  readonly rateLimit: RateLimits;
  readonly keyPrefix: string;
  readonly redisUrl: Secret | undefined;
  readonly sweepMs: number;
  readonly env: Environment;
  readonly health: boolean;
  readonly decorator: string;
  readonly startTimeoutMs: number;
  readonly closeGraceMs: number;
}

/**
 * Checks the options and fills in the rest.
 *
 * @param root - what stands before the path of every route.
 * @throws StorageConfigurationError or ConfigurationError naming the option.
 */
export function readOptions(options: AddStorageOptions, root: string): PluginSettings {
  checkGiven(options);
  const { authorize, serveFiles = "auto", managementPrefix = "/_storage", env = readEnvironment() } = options;
  if (authorize !== undefined && authorize !== "open" && typeof authorize !== "function") {
    throw wrong("authorize must be a function or the word 'open'");
  }
  const filesPrefix = typeof serveFiles === "object" ? serveFiles.prefix : "/files";
  return {
    root: root === "" ? root : checkPrefix("prefix", root),
    authorize,
    managementPrefix: checkPrefix("managementPrefix", managementPrefix),
    filesPrefix: checkPrefix("serveFiles.prefix", filesPrefix),
    serveFiles: typeof serveFiles === "object" ? true : serveFiles,
    signer: options.signer,
    maxUploadBytes: checkMaxBytes(options.maxUploadBytes),
    policyBytes: bytesOf(options.policy),
    publicFiles: options.publicFiles,
    resourcePolicy: options.resourcePolicy ?? "cross-origin",
    allowOrigins: allowOrigins(options.allowOrigins, env),
    ...regularOptions(options, env),
    keyPrefix: options.keyPrefix ?? "",
    env,
    health: options.health ?? true,
    decorator: options.decorator ?? "storage",
    startTimeoutMs: options.startTimeoutMs ?? 5000,
    closeGraceMs: options.closeGraceMs ?? 5000,
  };
}

const kinds: OptionRules<AddStorageOptions>["kinds"] = {
  authorize: "anything",
  managementPrefix: "string",
  serveFiles: "anything",
  signer: "object",
  maxUploadBytes: "anything",
  policy: "anything",
  publicFiles: "anything",
  resourcePolicy: "string",
  allowOrigins: "array",
  rateLimit: "object",
  keyPrefix: "string",
  sweepMs: "anything",
  env: "object",
  health: "boolean",
  decorator: "string",
  startTimeoutMs: "integer",
  closeGraceMs: "integer",
};
const resourcePolicies: ReadonlySet<string> = new Set([
  "same-origin",
  "same-site",
  "cross-origin",
] satisfies ResourcePolicy[]);
const maxTimerMs = 2_147_483_647;
const rules: OptionRules<AddStorageOptions> = {
  call: "addStorage",
  kinds,
  ranges: { startTimeoutMs: [1, maxTimerMs], closeGraceMs: [0, maxTimerMs] },
};

/** What Fastify's own `register` takes along with a plugin's options. */
const fastifyNames: ReadonlySet<string> = new Set(["logLevel", "logSerializers"]);

/** A name that is misspelled must not pass for one that was left out, and a value that is none for one that is. */
function checkGiven(options: AddStorageOptions): void {
  if (typeof options === "function") {
    const isClass = /^class\b/.test(Function.prototype.toString.call(options));
    const instead = isClass ? `new ${Object(options).name}({ ... })` : "what it answers, by calling it";
    throw wrong(`it takes a storage, a backend or options, not a function or class; write ${instead}`);
  }
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw wrong(
      `it takes a storage, a backend or options, not ${JSON.stringify(options)}; to name a backend write addStorage(app, easyStorage({ backend: "s3" }))`,
    );
  }
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(kinds, name) && !fastifyNames.has(name));
  if (unknown !== undefined) {
    throw wrong(
      `there is no option '${unknown}'; known are ${Object.keys(kinds).join(", ")}. Settings of a backend belong to easyStorage: addStorage(app, easyStorage({ backend: "s3", bucket: "..." }))`,
    );
  }
  const own = Object.entries(options).filter(([name]) => !fastifyNames.has(name));
  checkStorageOptions(Object.fromEntries(own), rules);
  const { resourcePolicy, serveFiles = "auto", signer } = options;
  if (signer !== undefined) {
    const message = "addStorage: signer must be a signer, as in new UrlSigner({ baseUrl, secrets })";
    checkMethods(signer, ["sign", "inspect", "request", "at"], message);
  }
  if (resourcePolicy !== undefined && !resourcePolicies.has(resourcePolicy)) {
    throw wrong(`resourcePolicy must be one of ${[...resourcePolicies].join(", ")}`);
  }
  if (
    serveFiles !== "auto" &&
    typeof serveFiles !== "boolean" &&
    typeof Object(serveFiles).prefix !== "string"
  ) {
    throw wrong("serveFiles must be true, false, the word 'auto', or { prefix: \"/files\" }");
  }
}

function bytesOf(policy: PolicyOptions | undefined): number | undefined {
  const maxBytes = Policy.of(policy).maxBytesOf("");
  return Number.isFinite(maxBytes) ? maxBytes : undefined;
}

/**
 * Most bytes of one upload as the options of `addStorage` say it, else `undefined`. A policy takes the place of the default,
 * and never widens a limit that was set.
 *
 * @param set - the limit of a storage that was given. Default: what the variable says.
 */
export function uploadLimit(
  { maxUploadBytes, policyBytes, env }: Pick<PluginSettings, "maxUploadBytes" | "policyBytes" | "env">,
  set?: number,
): number | undefined {
  if (maxUploadBytes !== undefined || policyBytes === undefined) return maxUploadBytes;
  return Math.min(policyBytes, set ?? limitOfVariable(env));
}

function limitOfVariable(env: Environment): number {
  const isSet = isVariableSet(env, storageVariables.maxUploadBytes.name);
  return isSet ? defaultMaxUploadBytes(env) : Number.POSITIVE_INFINITY;
}

const limitSchema = { maxUploadBytes: storageVariables.maxUploadBytes };

function checkMaxBytes(option: number | undefined): number | undefined {
  if (option === undefined) return undefined;
  return loadSettings(limitSchema, {}, { maxUploadBytes: option }).maxUploadBytes;
}

/** The limit of uploads that the environment sets. */
export function defaultMaxUploadBytes(env: Environment): number {
  return loadSettings(limitSchema, env).maxUploadBytes;
}

const regularSchema = {
  uploads: storageVariables.rateLimitUploads,
  uploadBytes: storageVariables.rateLimitUploadBytes,
  signs: storageVariables.rateLimitSigns,
  reads: storageVariables.rateLimitReads,
  windowMs: storageVariables.rateLimitWindowMs,
  sweepMs: storageVariables.sweepMs,
  redisUrl,
};

function regularOptions(
  { rateLimit, sweepMs: everyMs }: AddStorageOptions,
  env: Environment,
): Pick<PluginSettings, "rateLimit" | "redisUrl" | "sweepMs"> {
  const given = { ...rateLimit, sweepMs: everyMs };
  const { redisUrl: url, sweepMs, ...limits } = loadSettings(regularSchema, env, given);
  return { rateLimit: limits, redisUrl: url, sweepMs };
}

/** @throws ConfigurationError when the largest upload would be refused in every window. */
export function checkUploadBytes({ uploadBytes }: RateLimits, maxUploadBytes: number): void {
  if (uploadBytes === 0 || uploadBytes >= maxUploadBytes) return;
  const message = `(option rateLimit.uploadBytes) is ${uploadBytes}, and one upload may have ${maxUploadBytes} bytes; raise it, or lower ${storageVariables.maxUploadBytes.name} (option maxUploadBytes)`;
  throw new ConfigurationError([{ name: storageVariables.rateLimitUploadBytes.name, message }]);
}

function allowOrigins(option: readonly string[] | undefined, env: Environment): readonly string[] {
  return loadSettings(httpVariables, env, { corsAllowOrigins: option }).corsAllowOrigins ?? [];
}

function checkPrefix(name: string, prefix: string): string {
  if (/^(?:\/[A-Za-z0-9._~-]+)+$/.test(prefix)) return prefix;
  throw wrong(`${name} must be a path like /files, with no slash at its end`);
}

/** A wrong call of `addStorage`. */
export function wrong(message: string): StorageConfigurationError {
  return new StorageConfigurationError({ message: `addStorage: ${message}` });
}
