import { randomBytes } from "node:crypto";
import {
  appEnvOf,
  ConfigurationError,
  type Logger,
  loadSettings,
  readEnvironment,
} from "../../kernel/index.js";
import { minSecretBytes, UrlSigner } from "../contract/signed-url.js";
import { configurationOf } from "../easy-storage.js";
import { signing } from "../layers/signing.js";
import { type StorageSettings, storageVariables } from "../settings.js";
import type { Storage } from "../storage.js";

/**
 * The storage with URLs that the file route honours: those of the signer that is given, else the backend's
 * own. Where a provider signs its URLs, the settings of the kit's own signatures take its place.
 *
 * @throws ConfigurationError in production when that needs a secret and there is none.
 */
export async function withFileUrls(
  storage: Storage,
  given: UrlSigner | undefined,
  log: Logger,
): Promise<Storage> {
  if (given !== undefined) return storage.with(signing(given));
  if ((await storage.backend.signer()) !== undefined) return storage;
  const { baseUrl, signingSecret } = configurationOf(storage)?.settings ?? readSettings();
  const secrets = signingSecret?.map((secret) => secret.reveal()) ?? [temporarySecret(storage, log)];
  return storage.with(signing(new UrlSigner({ baseUrl, secrets })));
}

function readSettings(): Pick<StorageSettings, "baseUrl" | "signingSecret"> {
  const { baseUrl, signingSecret } = storageVariables;
  return loadSettings({ baseUrl, signingSecret }, readEnvironment());
}

function temporarySecret({ backend }: Storage, log: Logger): string {
  const { name, expected } = storageVariables.signingSecret;
  if (appEnvOf(readEnvironment()) === "prod") {
    const message = `is not set, and the file route of ${backend.name} needs it in production; expected ${expected}`;
    throw new ConfigurationError([{ name, message }]);
  }
  log.warn(`${name} is not set: signed URLs end with this process, and no other process honours them`);
  return randomBytes(minSecretBytes).toString("base64url");
}
