import { markDeclarations } from "./mark-declarations.js";
import { ensureBuilt, ensureInstalled } from "./prepare.js";

if (ensureInstalled() && ensureBuilt()) markDeclarations();
else process.exitCode = 1;
