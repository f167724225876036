import { randomBytes } from "node:crypto";
import type { FastifyInstance } from "fastify";
import {
  appEnvOf,
  ConfigurationError,
  isLoopback,
  type Logger,
  loadSettings,
  readEnvironment,
} from "../../kernel/index.js";
import { minSecretBytes, UrlSigner } from "../contract/signed-url.js";
import { configurationOf } from "../easy-storage.js";
import { signing } from "../layers/signing.js";
import { unserved } from "../layers/unserved.js";
import { type StorageSettings, storageVariables } from "../settings.js";
import type { Storage } from "../storage.js";

const { baseUrl: baseUrlVariable, signingSecret: secretVariable } = storageVariables;

/** Whether the file route is needed for URLs that work: the backend signs some for it, or can sign none. */
export async function needsFileRoute({ backend }: Storage): Promise<boolean> {
  return !backend.capabilities.signGet || (await backend.signer()) !== undefined;
}

/**
 * The storage with URLs that the file route honours: those of the signer that is given, else the backend's
 * own. Where a provider signs its URLs, the settings of the kit's own signatures take its place. A base URL that
 * nobody set follows the path that is mounted and the port that the app listens on.
 *
 * @param path - where the file route is mounted, with every prefix.
 * @throws ConfigurationError when the base URL has another path; in production also when it is of this machine, and
 * when a secret is needed and there is none.
 */
export async function withFileUrls(
  storage: Storage,
  app: FastifyInstance,
  path: string,
  given: UrlSigner | undefined,
): Promise<Storage> {
  const signer = given ?? (await storage.backend.signer()) ?? ownSigner(storage, app.log);
  const isDefault = signer.baseUrl === baseUrlVariable.default;
  checkBaseUrl(signer.baseUrl, path, isDefault);
  return storage.with(signing(isDefault ? signer.at(() => `${originOf(app)}${path}`) : signer));
}

/** The storage without the URLs that it signs for a file route which nobody mounted or named. */
export async function withoutDeadUrls(storage: Storage): Promise<Storage> {
  const signer = await storage.backend.signer();
  return signer?.baseUrl === baseUrlVariable.default ? storage.with(unserved()) : storage;
}

function checkBaseUrl(baseUrl: string, path: string, isDefault: boolean): void {
  const { name } = baseUrlVariable;
  const { hostname, pathname } = new URL(baseUrl);
  if (appEnvOf(readEnvironment()) === "prod" && isLoopback(hostname)) {
    const state = isDefault ? "is not set" : `is '${baseUrl}'`;
    const message = `${state} in production, and clients need URLs that they can open; expected the service's address`;
    throw new ConfigurationError([{ name, message: `${message}, or the option serveFiles: false` }]);
  }
  if (isDefault || pathname.replace(/\/+$/, "") === path) return;
  const message = `has the path '${pathname}', and the file route is mounted at '${path}'; expected a URL that ends in that, or serveFiles: { prefix }`;
  throw new ConfigurationError([{ name, message }]);
}

/** Where the app is reached from this machine; until it listens, the port that it listens on by default. */
function originOf(app: FastifyInstance): string {
  const address = app.server.address();
  const port = typeof address === "object" && address !== null ? address.port : 8000;
  return `${"setSecureContext" in app.server ? "https" : "http"}://localhost:${port}`;
}

function ownSigner(storage: Storage, log: Logger): UrlSigner {
  const { baseUrl, signingSecret } = configurationOf(storage)?.settings ?? readSettings();
  const secrets = signingSecret?.map((secret) => secret.reveal()) ?? [temporarySecret(storage, log)];
  return new UrlSigner({ baseUrl, secrets });
}

function readSettings(): Pick<StorageSettings, "baseUrl" | "signingSecret"> {
  return loadSettings({ baseUrl: baseUrlVariable, signingSecret: secretVariable }, readEnvironment());
}

function temporarySecret({ backend }: Storage, log: Logger): string {
  const { name, expected } = secretVariable;
  if (appEnvOf(readEnvironment()) === "prod") {
    const message = `is not set, and the file route of ${backend.name} needs it in production; expected ${expected}`;
    throw new ConfigurationError([{ name, message }]);
  }
  log.warn(`${name} is not set: signed URLs end with this process, and no other process honours them`);
  return randomBytes(minSecretBytes).toString("base64url");
}
