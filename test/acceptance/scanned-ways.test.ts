import { runScannedWays } from "./scanned-ways.js";
import { local } from "./served-backends.js";

runScannedWays(local);
