import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAzurite } from "../rigs/azurite.js";
import { startCloudinaryDouble } from "../rigs/cloudinary-double.js";
import { startGcsDouble } from "../rigs/gcs-double.js";

/** Where a running backend is, as an application is told by its environment. */
export interface RunningBackend {
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** A backend that acceptance tests run `svc-infra serve` on. */
export interface ServedBackend {
  /** As `STORAGE_BACKEND` names it. */
  readonly type: string;
  /** As `GET /_storage/backend-info` names it. */
  readonly name: string;
  /** Starts what the backend needs: a server, an empty folder. */
  start(): Promise<RunningBackend>;
}

export const memory: ServedBackend = {
  type: "memory",
  name: "MemoryBackend",
  start: async () => ({ env: { STORAGE_MEMORY_MAX_BYTES: "1000000000" }, stop: async () => undefined }),
};

export const local: ServedBackend = {
  type: "local",
  name: "LocalBackend",
  start: async () => {
    const folder = await mkdtemp(join(tmpdir(), "svc-infra-served-"));
    const env = { STORAGE_BASE_PATH: folder, STORAGE_DURABILITY: "fast" };
    return { env, stop: () => rm(folder, { recursive: true, force: true }) };
  },
};
/** S3 as Ceph serves it; needs the Debian packages of its rig. */
export const ceph: ServedBackend = {
  type: "s3",
  name: "S3Backend",
  start: async () => (await import("../rigs/ceph.js")).startCeph(),
};

/** S3 as Swift serves it, which can do less; needs the Debian packages of its rig. */
export const swift: ServedBackend = {
  type: "s3",
  name: "S3Backend",
  start: async () => (await import("../rigs/swift.js")).startSwift(),
};

/** Google Cloud Storage as its contract double serves it. */
export const gcs: ServedBackend = { type: "gcs", name: "GcsBackend", start: () => startGcsDouble() };
export const cloudinary: ServedBackend = {
  type: "cloudinary",
  name: "CloudinaryBackend",
  start: async () => {
    const double = await startCloudinaryDouble();
    return { env: double.env, stop: () => double.stop() };
  },
};

/** Azure Blob Storage as its official emulator serves it. */
export const azure: ServedBackend = { type: "azure", name: "AzureBackend", start: () => startAzurite() };
