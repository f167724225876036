import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const smallBytes = 4096;
export const mediumBytes = 4 * 2 ** 20;
export const largeBytes = 64 * 2 ** 20;
export const smallCount = 256;

/** Name and size of every file that the cases over HTTP read. @returns {readonly { key: string, size: number }[]} */
export function fixtures() {
  const small = Array.from({ length: smallCount }, (_, index) => ({
    key: `small/${index}.bin`,
    size: smallBytes,
  }));
  return [...small, { key: "medium.bin", size: mediumBytes }, { key: "large.bin", size: largeBytes }];
}

/** @param {number} size */
export function contentOf(size) {
  return Buffer.alloc(size, "svc-infra bench ");
}

/**
 * Makes the fixtures in another process, so that their memory is not counted as the server's.
 *
 * @param {string} dir
 * @param {"files" | "svc-infra"} layout Plain files for all servers that read such, or what svc-infra stores.
 */
export function prepareFixtures(dir, layout) {
  if (existsSync(`${dir}/${layout}`)) return;
  const script = fileURLToPath(new URL("prepare.js", import.meta.url));
  execFileSync(process.execPath, [script, JSON.stringify({ dir }), layout]);
}

/**
 * The environment of the storage that users run, with its default layers.
 *
 * @param {string} dir
 */
export function storageSettings(dir) {
  return {
    STORAGE_BACKEND: "local",
    STORAGE_BASE_PATH: `${dir}/svc-infra`,
    STORAGE_DURABILITY: "fast",
    STORAGE_MAX_UPLOAD_BYTES: String(2 ** 31),
  };
}

/**
 * Where a server that knows nothing but paths answers the fixtures.
 *
 * @param {string} root
 */
export function plainTargets(root) {
  const small = fixtures().filter(({ key }) => key.startsWith("small/"));
  return {
    small: small.map(({ key }) => `${root}/${key}`),
    medium: `${root}/medium.bin`,
    large: `${root}/large.bin`,
  };
}
