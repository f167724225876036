import { type Command, InvalidArgumentError } from "commander";
import { hostBoundary } from "../../http/index.js";
import { bearerToken, easyServiceApp, type ServiceApp, startService } from "../../index.js";
import {
  ConfigurationError,
  type ConfigurationProblem,
  collectProblems,
  type Environment,
  loadSettings,
  readEnvironment,
  withDefaults,
} from "../../kernel/index.js";
import { backendVariables } from "../../storage/backends.js";
import { configurationOf, easyStorage } from "../../storage/easy-storage.js";
import type { Storage } from "../../storage/index.js";
import { type StorageSettings, storageVariables } from "../../storage/settings.js";
import { describeVariables } from "../describe-variables.js";
import { findExposure, findUnusableUrls } from "../find-unsafe.js";
import { defaultFolder, localFallback } from "../local-fallback.js";
import { type ServeSettings, serveVariables, urlOf } from "../serve-settings.js";

interface ServeOptions {
  readonly host?: string;
  readonly port?: string;
  readonly page: boolean;
}

/** Adds `serve`: a file service over HTTP, set up by the environment. */
export function registerServe(program: Command): void {
  program
    .command("serve")
    .description("Serve files over HTTP: uploads, downloads, signed URLs, health.")
    .option("--host <address>", "address to listen on; beats HOST")
    .option("--port <number>", "port to listen on; beats PORT", portNumber)
    .option("--no-page", "leave out the page for people at /, as production does")
    .addHelpText("after", help())
    .action(serve);
}

function portNumber(text: string): string {
  if (/^[1-9][0-9]{0,4}$/.test(text) && Number(text) <= 65_535) return text;
  throw new InvalidArgumentError("Expected a port from 1 to 65535.");
}

async function serve(options: ServeOptions): Promise<void> {
  const env = environmentOf(options);
  const { settings, storage } = await configure(env);
  const files = configurationOf(storage)?.settings;
  const { apiToken: tokens, baseUrl } = files ?? {};
  const isOpen = tokens === undefined && baseUrl !== undefined;
  const app = await easyServiceApp({
    name: "svc-infra",
    env,
    ...(isOpen ? { guard: hostBoundary([baseUrl]) } : {}),
    storage: {
      source: storage,
      // The page shows files by the service alone, so that a bucket needs no CORS rules.
      serveFiles: true,
      authorize: tokens === undefined ? "open" : bearerToken(tokens.map((token) => token.reveal())),
    },
  });
  const hasPage = options.page && app.service.appEnv !== "prod";
  if (hasPage && files !== undefined) await addPageOf(app, files);
  await startService(app);
  announce(app, settings, tokens === undefined);
  if (hasPage) app.log.info(`Open ${urlOf(settings)} in a browser`);
}

async function addPageOf(
  app: ServiceApp,
  { apiToken, baseUrl, maxUploadBytes }: StorageSettings,
): Promise<void> {
  const { addPage } = await import("../../app/page/add-page.js");
  await addPage(app, {
    isOpen: apiToken === undefined,
    maxUploadBytes,
    fileOrigins: baseUrl === undefined ? [] : [new URL(baseUrl).origin],
  });
}

/** The environment, over which the command line has the last word. */
function environmentOf({ host, port }: ServeOptions): Environment {
  const env = readEnvironment();
  return Object.freeze({
    ...env,
    ...(host === undefined ? {} : { [serveVariables.host.name]: host }),
    ...(port === undefined ? {} : { [serveVariables.port.name]: port }),
  });
}

/** Everything that can be wrong is found before anything starts, and told at once. */
async function configure(env: Environment) {
  const problems: ConfigurationProblem[] = [];
  const settings = collectProblems(problems, () => loadSettings(serveVariables, env));
  problems.push(...(collectProblems([], () => findExposure(env)) ?? []));
  const storage = await openStorage(env, settings).catch((error: unknown) =>
    collectProblems<undefined>(problems, () => {
      throw error;
    }),
  );
  if (storage !== undefined) problems.push(...findUnusableUrls(env, storage));
  if (settings === undefined || storage === undefined || problems.length > 0) {
    await storage?.close();
    throw new ConfigurationError(problems);
  }
  return { settings, storage };
}

function openStorage(env: Environment, settings: ServeSettings | undefined): Promise<Storage> {
  const known = settings === undefined ? {} : { STORAGE_BASE_URL: `${urlOf(settings)}/files` };
  return easyStorage({}, withDefaults(env, known), localFallback);
}

function announce({ log }: ServiceApp, settings: ServeSettings, isOpen: boolean): void {
  if (isOpen) {
    log.warn("STORAGE_API_TOKEN is not set: every program on this machine may read and write");
  }
  log.info(`Upload a file: curl -F file=@README.md ${urlOf(settings)}/_storage/upload`);
}

function help(): string {
  const variables = {
    ...serveVariables,
    ...storageVariables,
    ...backendVariables.local,
    baseUrl: { ...storageVariables.baseUrl, default: "http://{HOST}:{PORT}/files" },
    basePath: {
      ...backendVariables.local.basePath,
      default: `${defaultFolder}; where STORAGE_BACKEND is local, ${backendVariables.local.basePath.default}`,
    },
  };
  return `
Examples:
  $ svc-infra serve
  $ curl -F file=@README.md http://localhost:8000/_storage/upload
  $ STORAGE_API_TOKEN=... HOST=0.0.0.0 STORAGE_BASE_URL=https://files.example.com/files svc-infra serve

Variables, from the environment or .env (secrets also as NAME_FILE):
${describeVariables(variables)}
`;
}
