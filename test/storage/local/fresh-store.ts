import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Storage } from "svc-infra/storage";
import { LocalBackend, type LocalBackendOptions } from "svc-infra/storage/local";
import { onTestFinished } from "vitest";

/** An empty folder that is gone when the test is. */
export async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "svc-infra-local-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A storage on a folder; closed when the test ends. */
export function storageOn(basePath: string, options: LocalBackendOptions = {}) {
  const storage = new Storage(new LocalBackend({ durability: "fast", ...options, basePath }));
  onTestFinished(() => storage.close());
  return storage;
}

/** A storage on an empty folder. */
export async function freshStorage(options: LocalBackendOptions = {}) {
  const base = await freshFolder();
  return { base, storage: storageOn(base, options) };
}

/** The code of a failure, or `done`. */
export async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "done";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}

/** Content as text. */
export async function textOf(content: Promise<Uint8Array>): Promise<string> {
  return Buffer.from(await content).toString();
}
