import type { FastifyInstance } from "fastify";
import fastifyPlugin from "fastify-plugin";
import { joinHealth } from "../../health/index.js";
import { type AnyApp, Closing, deferContinue, fastifyOf, loggedRequest } from "../../http/index.js";
import type { UrlSigner } from "../contract/signed-url.js";
import { announce, type ObjectNews } from "../layers/announce.js";
import { servePolicy } from "../policy/served-policy.js";
import type { Storage } from "../storage.js";
import { needsFileRoute, withFileUrls } from "./file-signer.js";
import { loggedPolicy } from "./logged-policy.js";
import { logOperations } from "./operation-log.js";
import {
  type AddStorageOptions,
  checkUploadBytes,
  type PluginSettings,
  readOptions,
  wrong,
} from "./plugin-options.js";
import { checkPublicFiles, checkPublicUrls, publicFileRoute, withPublicUrls } from "./public-file-route.js";
import { rateChecks } from "./rate-limit.js";
import { RoomCheck } from "./room-check.js";
import { managementRoutes } from "./routes/management-routes.js";
import type { RouteContext } from "./routes/route-context.js";
import { signedRoutes } from "./routes/signed-routes.js";
import { type ChosenStorage, chooseStorage, isSource, type StorageSource } from "./source.js";
import { sweepRegularly } from "./sweep-regularly.js";
import { testConnection } from "./test-connection.js";
import { drainRefusedForm } from "./upload/receive-upload.js";
import { setUploadRules } from "./upload/upload-rules.js";

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
 *
 * @example
 * const app = fastify();
 * const storage = await addStorage(app); // also app.storage
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
  options?: AddStorageOptions,
): Promise<Storage> {
  if (isSource(sourceOrOptions)) return addBelow("", fastifyOf(app), sourceOrOptions, options ?? {});
  if (options !== undefined && typeof sourceOrOptions === "object") {
    throw wrong("the storage or backend comes before the options; write addStorage(app, backend, { ... })");
  }
  return addBelow("", fastifyOf(app), undefined, sourceOrOptions);
}

async function addBelow(
  root: string,
  app: FastifyInstance,
  source: StorageSource,
  options: AddStorageOptions,
): Promise<Storage> {
  const settings = readOptions(options, root);
  checkPublicFiles(settings.publicFiles);
  refuseSecond(app, settings);
  const chosen = await chooseStorage(source, settings);
  const { storage } = chosen;
  try {
    await testConnection(storage, settings.startTimeoutMs);
    const isServed = await isToBeServed(storage, settings);
    const { filesPrefix, signer, env } = settings;
    const served = isServed
      ? await withFileUrls(storage, app, pathOf(app, settings, filesPrefix), signer, env)
      : storage;
    const publicFiles = isServed ? await publicFileRoute(served, settings.publicFiles, env) : undefined;
    const shown = publicFiles === undefined ? served : withPublicUrls(served, publicFiles);
    await checkPublicUrls(shown, settings.publicFiles);
    const ruled =
      options.policy === undefined ? shown : shown.withPolicy(loggedPolicy(options.policy, app.log));
    const added = withEvents(ruled, app);
    await mount(app, { ...chosen, storage: added }, { ...settings, publicFiles }, isServed);
    return added;
  } catch (error) {
    if (chosen.isOwn) await storage.close().catch(() => undefined);
    throw error;
  }
}

/** What `addEvents` gives an app. */
interface AppObjectNews extends ObjectNews {
  infected(key: string): Promise<void>;
}

/** Objects are told of when `addEvents` was called before and knows the events of objects. */
function withEvents(storage: Storage, app: FastifyInstance): Storage {
  if (!app.hasDecorator("objectNews")) return storage;
  const news = app.getDecorator<AppObjectNews | undefined>("objectNews");
  if (news === undefined) return storage;
  // A call, a route or a derived storage can have a scanner where this storage has none.
  return storage.with(announce(news)).withPolicy({ onInfected: (key) => news.infected(key) });
}

function isToBeServed(storage: Storage, { serveFiles, signer }: PluginSettings): Promise<boolean> | boolean {
  if (serveFiles !== "auto") return serveFiles;
  return signer !== undefined || needsFileRoute(storage);
}

/** Where something of the app stands already, Fastify would say so in words of its own. */
function refuseSecond(app: FastifyInstance, settings: PluginSettings): void {
  const { decorator, managementPrefix, filesPrefix, authorize, serveFiles } = settings;
  if (app.hasDecorator(decorator)) {
    throw wrong(
      `app.${decorator} is there already; give a second storage its own name and paths: { decorator: "archive", serveFiles: { prefix: "/archive" }, managementPrefix: "/_archive" }, and a backend with its own baseUrl where STORAGE_BASE_URL is set`,
    );
  }
  const taken = (prefix: string, path: string) =>
    app.hasRoute({ method: "GET", url: `${pathOf(app, settings, prefix)}${path}` });
  if (serveFiles !== false && taken(filesPrefix, "/*")) {
    throw wrong(
      `the path ${pathOf(app, settings, filesPrefix)} is taken; give this storage its own: { serveFiles: { prefix: "/archive" } }`,
    );
  }
  if (authorize !== undefined && taken(managementPrefix, "/list")) {
    throw wrong(
      `the path ${pathOf(app, settings, managementPrefix)} is taken; give this storage its own: { managementPrefix: "/_archive" }`,
    );
  }
}

function pathOf(app: FastifyInstance, { root }: PluginSettings, prefix: string): string {
  return `${app.prefix}${root}${prefix}`;
}

/** {@link addStorage} as a plugin: `await app.register(storagePlugin, { serveFiles: true })`. */
export const storagePlugin: (app: AnyApp, options: StoragePluginOptions) => Promise<void> = fastifyPlugin(
  async (app: AnyApp, { storage, prefix = "", ...options }: StoragePluginOptions) => {
    await addBelow(prefix, fastifyOf(app), storage, options);
  },
  { name: "svc-infra/storage", fastify: "5.x" },
);

/** Without room there are no uploads, and downloads go on: the service is degraded and not unready. */
function watchRoom(
  app: FastifyInstance,
  { decorator, root }: Pick<PluginSettings, "decorator" | "root">,
  storage: Storage,
): void {
  const room = new RoomCheck(storage);
  app.health.add(`${decorator}-room${app.prefix}${root}`, () => room.check(), { critical: false });
  app.addHook("onClose", async () => room.close());
}

async function mount(
  app: FastifyInstance,
  chosen: ChosenStorage,
  settings: Omit<PluginSettings, "publicFiles"> & Pick<RouteContext, "publicFiles">,
  isServed: boolean,
): Promise<void> {
  const { storage, origin, maxUploadBytes } = chosen;
  const closing = new Closing(settings.closeGraceMs);
  const signer = isServed ? await storage.backend.signer() : undefined;
  checkUploadBytes(settings.rateLimit, maxUploadBytes);
  const name = settings.decorator;
  const rates = await rateChecks(app, settings.rateLimit, settings);
  const context = { storage, origin, closing, ...settings, name, maxUploadBytes, signer, ...rates };
  setUploadRules(app, storage, { maxBytes: maxUploadBytes, ...rates });
  leaveForms(app);
  app.decorate(settings.decorator, storage);
  const stopLog = logOperations(storage, app.log);
  app.addHook("preClose", async () => closing.begin(app.server));
  sweepRegularly(app, storage, settings.sweepMs);
  app.addHook("onClose", async () => {
    closing.end();
    await storage.close();
    stopLog();
  });
  if (settings.health) {
    await joinHealth(app, settings.decorator, (signal) => storage.check({ signal }), {
      root: settings.root,
      facts: () => ({ backend: storage.backend.name }),
    });
    watchRoom(app, settings, storage);
  }
  if (context.authorize !== undefined) {
    await mountRoutes(app, `${settings.root}${settings.managementPrefix}`, (scope) =>
      managementRoutes(scope, context),
    );
  }
  if (isServed) {
    await mountRoutes(app, `${settings.root}${settings.filesPrefix}`, (scope) =>
      signedRoutes(scope, context),
    );
    if (signer !== undefined) app.addHook("onClose", servePolicyOf(signer, storage));
  }
  report(app, chosen, settings);
}

/** The storage may hand out URLs of its own route, and so may what has fewer rules. */
function servePolicyOf(signer: UrlSigner, { options }: Storage): () => Promise<void> {
  const end = servePolicy(signer, options.policy);
  return async () => end();
}

const formType = /^multipart\/form-data/i;

/**
 * Lets forms reach the app's own routes unread, for `receiveUpload`. A parser that the app has, or adds later for exactly
 * that type as `@fastify/multipart` does, goes first.
 */
function leaveForms(app: FastifyInstance): void {
  app.addHook("onSend", drainRefusedForm);
  if (["multipart/form-data", "*", formType].some((type) => app.hasContentTypeParser(type))) return;
  app.addContentTypeParser(formType, (_request, _payload, done) => done(null));
}

/** The routes log requests without the secrets of their URLs. */
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
  settings: Pick<PluginSettings, "authorize" | "root" | "managementPrefix">,
): void {
  const { name } = storage.backend;
  app.log.info({ backend: name, reason: origin.reason }, `storage is ${name}: ${origin.reason}`);
  if (isLossy) app.log.warn("files are kept in memory and will be lost when the process ends");
  if (settings.authorize === "open") {
    app.log.warn(
      `the storage routes under ${app.prefix}${settings.root}${settings.managementPrefix} are open to every client`,
    );
  }
}
