import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/** The folder behind all symbolic links, which must be the same for every name of it; also of one that is not there yet. */
export function realFolder(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (Object(error).code !== "ENOENT") throw error;
  }
  const parent = dirname(path);
  if (parent === path) return path;
  const there = join(realFolder(parent), basename(path));
  const isLink = lstatSync(there, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return isLink ? realFolder(resolve(dirname(there), readlinkSync(there))) : there;
}
