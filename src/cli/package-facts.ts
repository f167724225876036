import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";

const facts = z.object({
  name: z.string(),
  version: z.string(),
  dependencies: z.record(z.string(), z.string()).default({}),
  peerDependencies: z.record(z.string(), z.string()).default({}),
});

/** What a `package.json` says. */
export type PackageFacts = z.output<typeof facts>;

/** This package's own. */
export function ownPackage(): PackageFacts {
  return readPackage(new URL("../../package.json", import.meta.url));
}

/** The package that a program in this folder would load; `undefined` when it is not installed. */
export function installedPackage(name: string, folder: string = process.cwd()): PackageFacts | undefined {
  const file = join(folder, "node_modules", name, "package.json");
  if (existsSync(file)) return readPackage(file);
  return dirname(folder) === folder ? undefined : installedPackage(name, dirname(folder));
}

function readPackage(file: string | URL): PackageFacts {
  return facts.parse(JSON.parse(readFileSync(file, "utf8")));
}
