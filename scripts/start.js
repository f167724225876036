import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureBuilt, ensureInstalled, root } from "./prepare.js";

if (!ensureInstalled() || !ensureBuilt()) process.exit(1);

const main = join(root, "dist/cli/main.js");
process.argv = [process.execPath, main, "serve", ...process.argv.slice(2)];
await import(pathToFileURL(main).href);
