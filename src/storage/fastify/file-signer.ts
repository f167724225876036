import { randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";
import type { FastifyInstance } from "fastify";
import {
  appEnvOf,
  ConfigurationError,
  type Environment,
  isLoopback,
  type Logger,
  loadSettings,
} from "../../kernel/index.js";
import { defaultBaseUrl, minSecretBytes, UrlSigner } from "../contract/signed-url.js";
import { configurationOf } from "../easy-storage.js";
import { signing } from "../layers/signing.js";
import { type StorageSettings, storageVariables } from "../settings.js";
import type { Storage } from "../storage.js";

const { baseUrl: baseUrlVariable, signingSecret: secretVariable } = storageVariables;

/** Whether the file route is needed for URLs that work: the backend signs some for it, or can sign none. */
export async function needsFileRoute({ backend }: Storage): Promise<boolean> {
  return !backend.capabilities.signGet || (await backend.signer()) !== undefined;
}

/**
 * The storage with URLs that the file route honours: those of the signer that is given, else the backend's
 * own. Where a provider signs its URLs, the settings of the kit's own signatures take its place. Without a
 * setting the base URL follows the path that is mounted, and the address and port that the app listens on.
 *
 * @param path - where the file route is mounted, with every prefix.
 * @param env - says whether this is production, and the settings of a storage that was made in code.
 * @throws ConfigurationError when the base URL has another path; in production also when it is of this machine, and
 * when a secret is needed and there is none.
 */
export async function withFileUrls(
  storage: Storage,
  app: FastifyInstance,
  path: string,
  given: UrlSigner | undefined,
  env: Environment,
): Promise<Storage> {
  const { signer, isPlaced } = given === undefined ? await findSigner(storage, app.log, env) : placed(given);
  checkBaseUrl(signer.baseUrl, path, isPlaced, env);
  return storage.with(signing(isPlaced ? signer : signer.at(() => `${originOf(app)}${path}`)));
}

/** A signer, and whether it is known where the file route is reached: what is set says it, else the app does. */
interface FoundSigner {
  readonly signer: UrlSigner;
  readonly isPlaced: boolean;
}

function placed(signer: UrlSigner): FoundSigner {
  return { signer, isPlaced: true };
}

async function findSigner(storage: Storage, log: Logger, env: Environment): Promise<FoundSigner> {
  const own = await storage.backend.signer();
  if (own !== undefined && storage.backend.capabilities.signGet) return placed(own);
  const { baseUrl, signingSecret } = configurationOf(storage)?.settings ?? readSettings(env);
  if (own !== undefined) {
    return baseUrl === undefined ? { signer: own, isPlaced: false } : placed(own.at(() => baseUrl));
  }
  const secrets = signingSecret?.map((secret) => secret.reveal()) ?? [temporarySecret(storage, log, env)];
  const signer = new UrlSigner({ baseUrl: baseUrl ?? defaultBaseUrl, secrets });
  return { signer, isPlaced: baseUrl !== undefined };
}

function checkBaseUrl(baseUrl: string, path: string, isPlaced: boolean, env: Environment): void {
  const { name } = baseUrlVariable;
  const { hostname, pathname } = new URL(baseUrl);
  if (appEnvOf(env) === "prod" && isLoopback(hostname)) {
    const state = isPlaced ? `is '${baseUrl}'` : "is not set";
    const message = `${state} in production, and clients need URLs that they can open; expected the service's address`;
    throw new ConfigurationError([{ name, message: `${message}, or the option serveFiles: false` }]);
  }
  if (!isPlaced || pathname.replace(/\/+$/, "") === path) return;
  const message = `has the path '${pathname}', and the file route is mounted at '${path}'; expected a URL that ends in that, serveFiles: { prefix }, or the option baseUrl of the backend, which a second storage needs`;
  throw new ConfigurationError([{ name, message }]);
}

/** Addresses that `localhost` reaches as well. */
const localAddresses: ReadonlySet<string> = new Set(["127.0.0.1", "::1", "0.0.0.0", "::"]);

/** Where the app is reached from this machine; until it listens, the port that it listens on by default. */
function originOf(app: FastifyInstance): string {
  const bound = app.server.address();
  const { address, port } =
    typeof bound === "object" && bound !== null ? bound : { address: "::", port: 8000 };
  const host = localAddresses.has(address) ? "localhost" : hostOf(address);
  return `${"setSecureContext" in app.server ? "https" : "http"}://${host}:${port}`;
}

function hostOf(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}

function readSettings(env: Environment): Pick<StorageSettings, "baseUrl" | "signingSecret"> {
  return loadSettings({ baseUrl: baseUrlVariable, signingSecret: secretVariable }, env);
}

function temporarySecret({ backend }: Storage, log: Logger, env: Environment): string {
  const { name, expected } = secretVariable;
  if (appEnvOf(env) === "prod") {
    const message = `is not set, and the file route of ${backend.name} needs it in production; expected ${expected}`;
    throw new ConfigurationError([{ name, message }]);
  }
  log.warn(`${name} is not set: signed URLs end with this process, and no other process honours them`);
  return randomBytes(minSecretBytes).toString("base64url");
}
