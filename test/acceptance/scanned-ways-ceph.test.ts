import { runScannedWays } from "./scanned-ways.js";
import { ceph } from "./served-backends.js";

runScannedWays(ceph);
