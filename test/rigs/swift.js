// @ts-check
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { release, tmpdir, userInfo } from "node:os";
import { fileURLToPath } from "node:url";
import { Daemons } from "./daemons.js";
import { freePorts } from "./free-ports.js";
import { s3Request } from "./s3-request.js";
import { s3Rig } from "./s3-rig.js";
import { stayWhenRunDirectly } from "./stay.js";
import { proxyConf, storageConf, swiftConf } from "./swift-conf.js";

const access = { region: "us-east-1", accessKey: "test:tester", secretKey: "testing" };
const other = { otherAccessKey: "other:other", otherSecretKey: "otherpass" };
const launcher = fileURLToPath(new URL("swift-server.py", import.meta.url));

/**
 * Starts OpenStack Swift with its S3 interface: a proxy, an account, a container and an object server, and memcached.
 *
 * @returns {Promise<import("./s3-rig.js").S3Rig>}
 * @throws Error with the last lines of the servers' logs when it does not start.
 */
export async function startSwift() {
  const daemons = await Daemons.inOwnFolder("swift", roomyFolder());
  return daemons.whole(async () => {
    const [proxy = 0, object = 0, container = 0, account = 0, memcached = 0] = await freePorts(5);
    const backends = { object, container, account };
    await configure(daemons, proxy, backends, memcached);
    const words = [
      "-l",
      "127.0.0.1",
      "-p",
      String(memcached),
      "-U",
      "0",
      "-m",
      "32",
      "-u",
      userInfo().username,
    ];
    daemons.start("memcached", "memcached", words);
    for (const kind of [...Object.keys(backends), "proxy"])
      daemons.start(kind, "python3", ["-B", launcher, daemons.folder, kind]);
    const endpoint = `http://127.0.0.1:${proxy}`;
    for (const port of [memcached, ...Object.values(backends)])
      await daemons.until(`port ${port} to answer`, () => answers(port));
    const rigAccess = { ...access, ...other, endpoint };
    await daemons.until("the proxy to answer", async () => (await s3Request(rigAccess, "GET", "/")).ok);
    return s3Rig("swift", daemons, rigAccess);
  });
}

/**
 * A place where a file can have more than 4 KiB of extended attributes, in which Swift keeps metadata. Memory can since
 * Linux 6.6; before that it can have none. Who names a folder for temporary files gets that one.
 */
function roomyFolder() {
  if (process.env.TMPDIR) return tmpdir();
  const [major = 0, minor = 0] = release().split(".").map(Number);
  const memory = "/dev/shm";
  return (major > 6 || (major === 6 && minor >= 6)) && existsSync(memory) ? memory : tmpdir();
}

/**
 * @param {Daemons} daemons
 * @param {number} proxyPort
 * @param {Record<string, number>} backends
 * @param {number} memcachedPort
 */
async function configure(daemons, proxyPort, backends, memcachedPort) {
  const { folder } = daemons;
  const place = { folder, user: userInfo().username };
  await mkdir(`${folder}/devices/d1`, { recursive: true });
  await writeFile(`${folder}/swift.conf`, swiftConf);
  const proxy = proxyConf({ ...place, port: proxyPort, region: access.region, memcachedPort });
  await writeFile(`${folder}/proxy-server.conf`, proxy);
  for (const [kind, port] of Object.entries(backends))
    await writeFile(`${folder}/${kind}-server.conf`, storageConf(kind, { ...place, port }));
  await Promise.all(Object.entries(backends).map(([kind, port]) => buildRing(daemons, kind, port)));
}

/**
 * A ring of one device.
 *
 * @param {Daemons} daemons
 * @param {string} kind
 * @param {number} port
 */
async function buildRing(daemons, kind, port) {
  const ring = [["create", "4", "1", "0"], ["add", `r1z1-127.0.0.1:${port}/d1`, "1"], ["rebalance"]];
  for (const [verb = "", ...rest] of ring)
    await daemons.run(`ring-${kind}-${verb}`, "swift-ring-builder", [`${kind}.builder`, verb, ...rest]);
}

/** @param {number} port */
function answers(port) {
  return new Promise((/** @type {(answer: boolean) => void} */ resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

await stayWhenRunDirectly(import.meta.url, startSwift);
