import type { FastifyInstance } from "fastify";
import fastifyPlugin from "fastify-plugin";
import { joinHealth } from "../../health/index.js";
import {
  type AnyApp,
  type AnyRequest,
  appOf,
  Closing,
  deferContinue,
  fastifyOf,
  loggedRequest,
} from "../../http/index.js";
import { StorageConfigurationError } from "../contract/error.js";
import { Storage } from "../storage.js";
import { withFileUrls } from "./file-signer.js";
import { type AddStorageOptions, type EdgeOptions, readOptions } from "./plugin-options.js";
import { managementRoutes } from "./routes/management-routes.js";
import type { RouteContext } from "./routes/route-context.js";
import { signedRoutes } from "./routes/signed-routes.js";
import { type ChosenStorage, chooseStorage, isBackend, type StorageSource } from "./source.js";
import { testConnection } from "./test-connection.js";

declare module "fastify" {
  interface FastifyInstance {
    /** The storage that `addStorage` added. */
    storage: Storage;
  }
}

/** Options of {@link storagePlugin}. */
export interface StoragePluginOptions extends AddStorageOptions {
  /** A storage or a backend; without it the environment decides. */
  readonly storage?: StorageSource;
  /** Puts all routes below it, like `/v1`; the decorator stays on the app. */
  readonly prefix?: string | undefined;
}

/**
 * Gives an app file storage: decorates it with `app.storage`, tests the connection, adds
 * `GET /_health/storage` and a readiness check, and closes the storage with the app. On request it mounts
 * the management routes and the file route for signed URLs.
 *
 * @param source - a storage or a backend; without it the environment decides.
 * @throws ConfigurationError when the settings are wrong, StorageError when the storage cannot be reached.
 */
export async function addStorage(
  app: AnyApp,
  source?: StorageSource,
  options?: AddStorageOptions,
): Promise<Storage>;
/** The same with a storage from the environment. */
export async function addStorage(app: AnyApp, options: AddStorageOptions): Promise<Storage>;
export async function addStorage(
  app: AnyApp,
  sourceOrOptions?: StorageSource | AddStorageOptions,
  options: AddStorageOptions = {},
): Promise<Storage> {
  return isSource(sourceOrOptions)
    ? addBelow("", fastifyOf(app), sourceOrOptions, options)
    : addBelow("", fastifyOf(app), undefined, sourceOrOptions);
}

async function addBelow(
  root: string,
  app: FastifyInstance,
  source: StorageSource,
  options: AddStorageOptions,
): Promise<Storage> {
  const chosen = await chooseStorage(source);
  const { storage } = chosen;
  try {
    const settled = readOptions(options, root, chosen.maxUploadBytes);
    await testConnection(storage, settled.startTimeoutMs);
    const isServed = settled.filesPrefix !== undefined;
    const added = isServed ? await withFileUrls(storage, settled.signer, app.log) : storage;
    await mount(app, { ...chosen, storage: added }, settled);
    return added;
  } catch (error) {
    if (chosen.isOwn) await storage.close().catch(() => undefined);
    throw error;
  }
}

/** {@link addStorage} as a plugin: `await app.register(storagePlugin, { serveFiles: true })`. */
export const storagePlugin: (app: AnyApp, options: StoragePluginOptions) => Promise<void> = fastifyPlugin(
  async (app: AnyApp, { storage, prefix = "", ...options }: StoragePluginOptions) => {
    await addBelow(prefix, fastifyOf(app), storage, options);
  },
  { name: "svc-infra/storage", fastify: "5.x" },
);

/**
 * The storage of an app, or of the app that a request came to.
 *
 * @param decorator - name it was added under.
 * @throws StorageConfigurationError when none was added.
 */
export function getStorage(from: AnyApp | AnyRequest, decorator = "storage"): Storage {
  const storage = Object(appOf(from))[decorator];
  if (storage instanceof Storage) return storage;
  throw new StorageConfigurationError({
    message: `there is no app.${decorator} here; call 'await addStorage(app)' first`,
  });
}

function isSource(given: StorageSource | AddStorageOptions): given is StorageSource {
  return given === undefined || given instanceof Storage || given instanceof Promise || isBackend(given);
}

async function mount(app: FastifyInstance, chosen: ChosenStorage, options: EdgeOptions): Promise<void> {
  const { storage, origin } = chosen;
  const closing = new Closing(options.closeGraceMs);
  const isServed = options.filesPrefix !== undefined;
  const signer = isServed ? await storage.backend.signer() : undefined;
  const context: RouteContext = { storage, origin, closing, ...options, signer };
  app.decorate(options.decorator, storage);
  app.addHook("preClose", async () => closing.begin(app.server));
  app.addHook("onClose", async () => {
    closing.end();
    await storage.close();
  });
  if (options.health) {
    await joinHealth(app, options.decorator, (signal) => storage.check({ signal }), {
      root: options.root,
      facts: () => ({ backend: storage.backend.name }),
    });
  }
  if (context.authorize !== undefined) {
    await mountRoutes(app, `${options.root}${options.managementPrefix}`, (scope) =>
      managementRoutes(scope, context),
    );
  }
  if (options.filesPrefix !== undefined) {
    await mountRoutes(app, `${options.root}${options.filesPrefix}`, (scope) => signedRoutes(scope, context));
  }
  report(app, chosen, options);
}

/** Whatever the app's own serializer prints. Fastify's type wants text of a serializer, pino takes anything. */
const redaction = { logSerializers: { req: loggedRequest } };

async function mountRoutes(
  app: FastifyInstance,
  prefix: string,
  routes: (scope: FastifyInstance) => Promise<void>,
): Promise<void> {
  const root = `${app.prefix}${prefix}/`;
  deferContinue(app.server, (path) => path.startsWith(root));
  const options: { readonly prefix: string } = { prefix, ...redaction };
  await app.register(routes, options);
}

function report(
  app: FastifyInstance,
  { storage, origin, isLossy }: ChosenStorage,
  options: EdgeOptions,
): void {
  const { name } = storage.backend;
  app.log.info({ backend: name, because: origin.because }, `storage is ${name}: ${origin.because}`);
  if (isLossy) app.log.warn("files are kept in memory and will be lost when the process ends");
  if (options.authorize === "open") {
    app.log.warn(
      `the storage routes under ${app.prefix}${options.root}${options.managementPrefix} are open to everyone`,
    );
  }
}
