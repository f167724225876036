// @ts-check
import { createHash } from "node:crypto";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { Daemons } from "./daemons.js";
import { stayWhenRunDirectly } from "./stay.js";

/** Content in which this text stands is infected. Two halves, so that no file of the project is. */
export const infectedMarker = ["SVC-INFRA-TEST", "VIRUS-MARKER"].join("-");
/** Content that is infected as a whole, told by its MD5. */
export const infectedFile = "a file that is known to be bad\n";

/**
 * A running clamd with a handful of signatures written by hand.
 *
 * @typedef {object} ClamdRig
 * @property {string} socket - path of its Unix socket.
 * @property {Readonly<Record<string, string>>} env - settings of svc-infra.
 * @property {() => Promise<void>} stop
 */

/**
 * Starts clamd in a folder of its own; it reaches no network and has no database but its own.
 *
 * @param {{ streamMaxBytes?: number }} [options] - `streamMaxBytes`: its StreamMaxLength.
 * @returns {Promise<ClamdRig>}
 * @throws Error with the last lines of its log when it does not start.
 */
export async function startClamd({ streamMaxBytes = 300 * 2 ** 20 } = {}) {
  const daemons = await Daemons.inOwnFolder("clamd");
  return daemons.whole(async () => {
    const { folder } = daemons;
    const socket = `${folder}/clamd.sock`;
    await writeDatabase(`${folder}/db`);
    await mkdir(`${folder}/tmp`);
    await writeFile(`${folder}/clamd.conf`, configuration(folder, socket, streamMaxBytes));
    daemons.start("clamd", "clamd", ["--config-file", `${folder}/clamd.conf`]);
    await daemons.until("the socket of clamd", async () => (await stat(socket)).isSocket());
    return {
      socket,
      env: { STORAGE_CLAMAV_URL: `unix:${socket}` },
      stop: () => daemons.stop(),
    };
  });
}

/** @param {string} folder */
async function writeDatabase(folder) {
  await mkdir(folder);
  const marker = Buffer.from(infectedMarker).toString("hex");
  await writeFile(`${folder}/local.ndb`, `Test.Marker:0:*:${marker}\n`);
  const md5 = createHash("md5").update(infectedFile).digest("hex");
  await writeFile(`${folder}/local.hdb`, `${md5}:${infectedFile.length}:Test.File\n`);
}

/**
 * @param {string} folder
 * @param {string} socket
 * @param {number} streamMaxBytes
 */
function configuration(folder, socket, streamMaxBytes) {
  const lines = {
    DatabaseDirectory: `${folder}/db`,
    TemporaryDirectory: `${folder}/tmp`,
    LocalSocket: socket,
    Foreground: "yes",
    StreamMaxLength: streamMaxBytes,
    MaxFileSize: Math.max(300 * 2 ** 20, streamMaxBytes),
    MaxScanSize: Math.max(300 * 2 ** 20, streamMaxBytes),
    MaxScanTime: 0,
    MaxRecursion: 4,
    MaxFiles: 50,
    AlertExceedsMax: "yes",
    MaxThreads: 4,
    SelfCheck: 0,
    Bytecode: "no",
    ConcurrentDatabaseReload: "no",
    OfficialDatabaseOnly: "no",
    AllowAllMatchScan: "no",
    User: "root",
  };
  return Object.entries(lines)
    .map(([name, value]) => `${name} ${value}\n`)
    .join("");
}

await stayWhenRunDirectly(import.meta.url, startClamd);
