import { createHash } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigurationError, type Environment, parseSettings, Secret } from "../../kernel/index.js";
import { backendVariables } from "../../storage/backends.js";
import { reservedSegment } from "../../storage/contract/key.js";
import { backendFromEnv, locationOf } from "../../storage/from-env.js";
import { InvalidKeyError, Storage, stack } from "../../storage/index.js";
import { policyOfSettings } from "../../storage/policy/policy-of-settings.js";
import { type Side, sideEnvironment } from "./side-environment.js";
import { parseStorageUrl, type StorageUrl } from "./storage-url.js";
import type { LocalFiles } from "./stray-names.js";

/** One end of a copy, ready to be used. */
export interface End {
  /** As the command line named it. */
  readonly label: string;
  readonly storage: Storage;
  /** Names the service: the same text for the same service, with any credentials. */
  readonly service: string;
  /** Where its objects are in the service; ends in `/`. */
  readonly path: string;
  /** Its files, where they are on this machine. */
  readonly files?: LocalFiles;
}

/**
 * Makes the storage that a URL names. Reaches nothing.
 *
 * @throws ConfigurationError naming the options and variables at fault.
 */
export async function openEnd(raw: string, side: Side, env: Environment): Promise<End> {
  const url = parseStorageUrl(raw, `--${side}`);
  const own = sideEnvironment(env, side, url);
  try {
    const { backend, settings } = await backendFromEnv(own.env);
    const prefix = url.root === "" ? undefined : `${url.root}/`;
    const layers = stack({ prefix, retry: {}, timeoutMs: settings.timeoutMs });
    const storage = new Storage(backend, { policy: policyOfSettings(settings) }).with(...layers);
    return { label: url.label, storage, ...(await placement(url, own.env)) };
  } catch (error) {
    if (error instanceof InvalidKeyError)
      throw new ConfigurationError([{ name: `--${side}`, message: error.message }], { cause: error });
    if (!(error instanceof ConfigurationError)) throw error;
    const problems = error.problems.map(({ name, message }) => ({
      name: own.origins.get(name) ?? name,
      message,
    }));
    throw new ConfigurationError(problems, { cause: error });
  }
}

/**
 * @returns what is wrong with copying from one to the other: that each holds the other's objects, so that what is
 * copied would be found and copied again.
 */
export function findOverlap(from: End, to: End): string | undefined {
  if (from.service !== to.service) return undefined;
  if (from.path === to.path) return "is the same place as --from";
  if (to.path.startsWith(from.path)) return "lies inside --from";
  return from.path.startsWith(to.path) ? "holds --from" : undefined;
}

/** The folder of a local end that does not exist yet. */
export function missingFolder({ files }: End): string | undefined {
  return files === undefined || existsSync(files.folder) ? undefined : files.folder;
}

async function placement(
  { type, root }: StorageUrl,
  env: Environment,
): Promise<Pick<End, "service" | "path" | "files">> {
  if (type === "local") {
    const { basePath } = parseSettings(backendVariables.local, env, {});
    const base = realPath(basePath);
    return { service: type, path: folderPath(base, root), files: await localFiles(base, root) };
  }
  const location = Object.entries(await locationOf(type, env));
  const shown = location.map(([name, value]) => [name, withoutSecret(value)]);
  const service = `${type} ${JSON.stringify(Object.fromEntries(shown))}`;
  return { service, path: root === "" ? "" : `${root}/` };
}

async function localFiles(base: string, root: string): Promise<LocalFiles> {
  const { unfoldedName } = await import("../../storage/backends/local/disk/unfolded-name.js");
  const isUnfolded = existsSync(join(base, reservedSegment, "unfolded"));
  return { folder: folderPath(base, isUnfolded ? unfoldedName(root) : root), isUnfolded };
}

function folderPath(base: string, root: string): string {
  return `${base}/${root}`.replace(/\/*$/, "/");
}

/** What tells one secret from another and gives none away. */
function withoutSecret(value: unknown): unknown {
  if (!(value instanceof Secret)) return value;
  return createHash("sha256").update(value.reveal()).digest("hex").slice(0, 12);
}

/** Links are followed also on the way to a folder that is yet to be made. */
function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const whole = resolve(path);
  const above = dirname(whole);
  return above === whole ? whole : join(realPath(above), basename(whole));
}
