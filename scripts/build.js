import { ensureBuilt, ensureInstalled } from "./prepare.js";

process.exitCode = ensureInstalled() && ensureBuilt() ? 0 : 1;
