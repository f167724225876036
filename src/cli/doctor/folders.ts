import { constants } from "node:fs";
import { access, statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Finding, ok, problem, warning } from "./finding.js";

const leastFreeBytes = 1024 ** 3;

/**
 * Whether a folder can be written, or made.
 *
 * @param cure - what to do where it cannot.
 */
export async function checkFolder(cure: string, folder: string): Promise<readonly Finding[]> {
  const path = resolve(folder);
  const existing = await nearestExisting(path);
  try {
    await access(existing, constants.W_OK | constants.X_OK);
  } catch {
    return [problem("folders", `${existing} cannot be written`, cure)];
  }
  return [
    ok("folders", existing === path ? `${path} can be written` : `${path} can be made`),
    ...(await checkSpace(existing)),
  ];
}

async function checkSpace(path: string): Promise<readonly Finding[]> {
  const { bavail, bsize } = await statfs(path);
  const freeBytes = bavail * bsize;
  if (freeBytes >= leastFreeBytes) return [];
  return [
    warning(
      "folders",
      `${path} has ${Math.floor(freeBytes / 2 ** 20)} MiB left`,
      "make room, or use a larger volume",
    ),
  ];
}

async function nearestExisting(path: string): Promise<string> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  return isThere || dirname(path) === path ? path : nearestExisting(dirname(path));
}
