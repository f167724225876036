import { httpVariables } from "../../http/index.js";
import { loadSettings, readEnvironment } from "../../kernel/index.js";
import { StorageConfigurationError } from "../contract/error.js";
import type { UrlSigner } from "../contract/signed-url.js";
import { storageVariables } from "../settings.js";
import type { ResourcePolicy } from "./download/response-headers.js";
import type { Authorize } from "./routes/authorize.js";

/** What `addStorage` does besides decorating the app. */
export interface AddStorageOptions {
  /**
   * Mounts the management routes for those whom it lets in. The word `open` mounts them for everyone who
   * can reach the service.
   */
  readonly authorize?: Authorize | "open" | undefined;
  /** Path of the management routes. Default: `/_storage`. */
  readonly managementPrefix?: string | undefined;
  /** Mounts the file route for signed URLs, under `/files` or a prefix. Default: false. */
  readonly serveFiles?: boolean | { readonly prefix: string } | undefined;
  /**
   * Signs the URLs of the file route. Default: the backend's own, else `STORAGE_BASE_URL` and
   * `STORAGE_SIGNING_SECRET`.
   */
  readonly signer?: UrlSigner | undefined;
  /** Most bytes of one upload. Default: `STORAGE_MAX_UPLOAD_BYTES`, else 10 MiB. */
  readonly maxUploadBytes?: number | undefined;
  /** Whose pages may show the files of the file route. Default: `cross-origin`, as the URL carries the right. */
  readonly resourcePolicy?: ResourcePolicy | undefined;
  /**
   * Origins whose pages may call the management routes, beside the service's own. Default: `CORS_ALLOW_ORIGINS`.
   * The word `*` lets no page change anything.
   */
  readonly allowOrigins?: readonly string[] | undefined;
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
export interface EdgeOptions {
  /** Stands before the path of every route; empty, or like `/v1`. */
  readonly root: string;
  readonly authorize: Authorize | "open" | undefined;
  readonly managementPrefix: string;
  readonly filesPrefix: string | undefined;
  readonly signer: UrlSigner | undefined;
  readonly maxUploadBytes: number;
  readonly resourcePolicy: ResourcePolicy;
  readonly allowOrigins: readonly string[];
  readonly health: boolean;
  readonly decorator: string;
  readonly startTimeoutMs: number;
  readonly closeGraceMs: number;
}

/**
 * Checks the options and fills in the rest.
 *
 * @param root - what stands before the path of every route.
 * @param knownMaxBytes - the limit of uploads, when the environment has been read already.
 * @throws StorageConfigurationError or ConfigurationError naming the option.
 */
export function readOptions(
  options: AddStorageOptions,
  root: string,
  knownMaxBytes: number | undefined,
): EdgeOptions {
  checkNames(options);
  const { authorize, serveFiles = false, managementPrefix = "/_storage" } = options;
  if (authorize !== undefined && authorize !== "open" && typeof authorize !== "function") {
    throw wrong("authorize must be a function or the word 'open'");
  }
  const filesPrefix = typeof serveFiles === "object" ? serveFiles.prefix : "/files";
  return {
    root: root === "" ? root : checkPrefix("prefix", root),
    authorize,
    managementPrefix: checkPrefix("managementPrefix", managementPrefix),
    filesPrefix: serveFiles === false ? undefined : checkPrefix("serveFiles.prefix", filesPrefix),
    signer: options.signer,
    maxUploadBytes: maxUploadBytes(options.maxUploadBytes, knownMaxBytes),
    resourcePolicy: options.resourcePolicy ?? "cross-origin",
    allowOrigins: allowOrigins(options.allowOrigins),
    health: options.health ?? true,
    decorator: options.decorator ?? "storage",
    startTimeoutMs: options.startTimeoutMs ?? 5000,
    closeGraceMs: options.closeGraceMs ?? 5000,
  };
}

const optionNames: ReadonlySet<string> = new Set([
  "authorize",
  "managementPrefix",
  "serveFiles",
  "signer",
  "maxUploadBytes",
  "resourcePolicy",
  "allowOrigins",
  "health",
  "decorator",
  "startTimeoutMs",
  "closeGraceMs",
] satisfies (keyof AddStorageOptions)[]);

/** What Fastify's own `register` takes along with a plugin's options. */
const fastifyNames: ReadonlySet<string> = new Set(["logLevel", "logSerializers"]);

/** A name that is misspelled must not pass for one that was left out. */
function checkNames(options: AddStorageOptions): void {
  const unknown = Object.keys(options).find((name) => !optionNames.has(name) && !fastifyNames.has(name));
  if (unknown !== undefined) {
    throw wrong(`there is no option '${unknown}'; known are ${[...optionNames].join(", ")}`);
  }
}

function maxUploadBytes(option: number | undefined, known: number | undefined): number {
  if (option === undefined && known !== undefined) return known;
  const schema = { maxUploadBytes: storageVariables.maxUploadBytes };
  return loadSettings(schema, readEnvironment(), { maxUploadBytes: option }).maxUploadBytes;
}

function allowOrigins(option: readonly string[] | undefined): readonly string[] {
  return loadSettings(httpVariables, readEnvironment(), { corsAllowOrigins: option }).corsAllowOrigins ?? [];
}

function checkPrefix(name: string, prefix: string): string {
  if (/^(?:\/[A-Za-z0-9._~-]+)+$/.test(prefix)) return prefix;
  throw wrong(`${name} must be a path like /files, with no slash at its end`);
}

function wrong(message: string): StorageConfigurationError {
  return new StorageConfigurationError({ message: `addStorage: ${message}` });
}
