// @ts-check
// Says which packages are loaded, and makes one look as if it were not installed.
import { writeSync } from "node:fs";
import { register } from "node:module";
import { isMainThread } from "node:worker_threads";

let blocked = "";

if (isMainThread) register(import.meta.url, { data: process.env.BLOCKED_PACKAGE ?? "" });

/** @param {string} name */
export function initialize(name) {
  blocked = name;
}

/** @type {import("node:module").ResolveHook} */
export async function resolve(specifier, context, next) {
  if (specifier === blocked) {
    throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: "ERR_MODULE_NOT_FOUND" });
  }
  if (/^@?[a-z]/.test(specifier) && !specifier.startsWith("node:")) writeSync(2, `loaded ${specifier}\n`);
  return next(specifier, context);
}
