/**
 * The build of svc-infra that a sample measures: of this checkout, or of the one that `--before` names.
 *
 * @param {string} path Of a module below `dist/`.
 */
export function loadBuilt(path) {
  const root = process.env.BENCH_BUILD ?? new URL("../../dist/", import.meta.url).href;
  return import(new URL(path, root).href);
}

/**
 * The adapters of another build are named `before-…` and come after those of this one.
 *
 * @param {readonly string[]} names
 */
export function withBefore(names) {
  return names.flatMap((name) => (isOurs(name) ? [name, name.replace(/^svc-infra/, "before")] : [name]));
}

/** @param {string} name */
export function isBefore(name) {
  return name.startsWith("before-");
}

/**
 * Servers, the signer and a storage with a policy are measured of this build only: an older one may have none.
 *
 * @param {string} name
 */
function isOurs(name) {
  return /^svc-infra-(local|memory|s3)/.test(name) && !name.endsWith("-policy");
}
