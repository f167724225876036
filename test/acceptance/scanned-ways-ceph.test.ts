import { startCeph } from "../rigs/ceph.js";
import { runScannedWays, scannedBytes } from "./scanned-ways.js";
import { ceph } from "./served-backends.js";

/** The rig keeps what was deleted for a while. */
const maxBytes = Math.max(4 * 2 ** 30, 16 * scannedBytes);

runScannedWays({ ...ceph, start: () => startCeph({ maxBytes }) });
