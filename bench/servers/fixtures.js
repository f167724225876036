import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";

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
 * Makes the fixtures as plain files, once for all servers that read such.
 *
 * @param {string} dir
 */
export function preparePlainFiles(dir) {
  if (existsSync(`${dir}/files`)) return;
  const unfinished = `${dir}/files.${process.pid}`;
  mkdirSync(`${unfinished}/small`, { recursive: true });
  for (const { key, size } of fixtures()) writeFileSync(`${unfinished}/${key}`, contentOf(size));
  renameSync(unfinished, `${dir}/files`);
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
