import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { isJobDefinition, type JobDefinition, type Jobs } from "../jobs/index.js";
import { registryVariables } from "../jobs/settings.js";
import { ConfigurationError, type Environment, loadSettings } from "../kernel/index.js";

/** Runs once the worker is open: the place for schedules, and for the first jobs of a queue in memory. */
type SetUp = (jobs: Jobs) => unknown;

/** What a module of jobs exports. */
export interface JobsModule {
  readonly path: string;
  readonly jobs: readonly JobDefinition<never>[];
  readonly setUp: SetUp | undefined;
  /** Exports that are neither jobs nor `setUp`. */
  readonly skipped: readonly string[];
}

/**
 * Loads the module of the jobs.
 *
 * @throws ConfigurationError when none is named, it is not there, it throws, or it exports no job.
 */
export async function loadJobsModule(env: Environment, registry: string | undefined): Promise<JobsModule> {
  const { registry: path } = loadSettings(registryVariables, env, { registry });
  if (path === undefined) {
    throw misses("is not set, and there is no --registry; expected the path of a module that exports jobs");
  }
  if (!existsSync(path)) throw misses(`names ${path}, and there is no such file`);
  const exported = await load(path);
  const jobs = Object.values(exported).filter(isJobDefinition);
  if (jobs.length === 0) {
    const names = Object.keys(exported).join(", ") || "nothing";
    throw misses(`${path} exports no job of defineJob; it exports ${names}`);
  }
  const setUp = isSetUp(exported.setUp) ? exported.setUp : undefined;
  const skipped = Object.entries(exported)
    .filter(([, value]) => !isJobDefinition(value) && value !== setUp)
    .map(([name]) => name);
  return { path, jobs: [...new Set(jobs)], setUp, skipped };
}

async function load(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await import(pathToFileURL(resolve(path)).href);
  } catch (cause) {
    throw misses(`${path} cannot be loaded: ${cause instanceof Error ? String(cause) : "it threw no error"}`);
  }
}

function isSetUp(value: unknown): value is SetUp {
  return typeof value === "function";
}

function misses(message: string): ConfigurationError {
  return new ConfigurationError([{ name: registryVariables.registry.name, message }]);
}
