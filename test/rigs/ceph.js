// @ts-check
import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { cephConf } from "./ceph-conf.js";
import { Daemons } from "./daemons.js";
import { freePorts } from "./free-ports.js";
import { s3Rig } from "./s3-rig.js";
import { stayWhenRunDirectly } from "./stay.js";

const access = { region: "us-east-1", accessKey: "cephaccesskey", secretKey: "cephsecretkey0123456789" };
const other = { otherAccessKey: "otheraccesskey", otherSecretKey: "othersecretkey0123456789" };
const gigabyte = 2 ** 30;

/**
 * Starts the S3 gateway of Ceph (RADOS Gateway) on a cluster of one monitor and one object daemon that keeps everything in memory.
 *
 * @param {{ maxBytes?: number }} [options] - `maxBytes`: how much the cluster takes (4 GiB); memory is used as it fills.
 * @returns {Promise<import("./s3-rig.js").S3Rig>}
 * @throws Error with the last lines of the servers' logs when it does not start.
 */
export async function startCeph({ maxBytes = 4 * gigabyte } = {}) {
  const daemons = await Daemons.inOwnFolder("ceph");
  return daemons.whole(async () => {
    const [port = 0, monitorPort = 0] = await freePorts(2);
    await startCluster(
      daemons,
      cephConf({ folder: daemons.folder, port, monitorPort, maxBytes }),
      monitorPort,
    );
    await startGateway(daemons);
    const endpoint = `http://127.0.0.1:${port}`;
    await daemons.until("the gateway to answer", async () => (await fetch(endpoint)).ok);
    return s3Rig("ceph", daemons, { ...access, ...other, endpoint });
  });
}

/**
 * @param {Daemons} daemons
 * @param {(fsid: string) => string} conf
 * @param {number} monitorPort
 */
async function startCluster(daemons, conf, monitorPort) {
  const { folder } = daemons;
  const fsid = randomUUID();
  const osdUuid = randomUUID();
  for (const name of ["run", "crash", "mon", "osd", "rgw"]) await mkdir(`${folder}/${name}`);
  await writeFile(`${folder}/ceph.conf`, conf(fsid));
  const map = [
    "--create",
    "--fsid",
    fsid,
    "--addv",
    "a",
    `[v1:127.0.0.1:${monitorPort}]`,
    `${folder}/monmap`,
  ];
  await daemons.run("monmaptool", "monmaptool", map);
  await daemons.run("mon-mkfs", "ceph-mon", ["-c", "ceph.conf", "--mkfs", "-i", "a", "--monmap", "monmap"]);
  daemons.start("mon", "ceph-mon", ["-c", "ceph.conf", "-f", "-i", "a"]);
  // While the monitor begins it refuses some; the same request again does no harm.
  const newOsd = ["-c", "ceph.conf", "--connect-timeout", "40", "osd", "new", osdUuid];
  await daemons.until("the monitor", () => daemons.run("osd-new", "ceph", newOsd).then(() => true));
  const osd = ["-c", "ceph.conf", "--no-mon-config", "-i", "0"];
  await daemons.run("osd-mkfs", "ceph-osd", [...osd, "--mkfs", "--osd-uuid", osdUuid]);
  daemons.start("osd", "ceph-osd", [...osd, "-f"]);
}

/**
 * The first of the commands makes the pools, so it waits for the object daemon.
 *
 * @param {Daemons} daemons
 */
async function startGateway(daemons) {
  const client = ["-c", "ceph.conf", "--no-mon-config"];
  const users = [
    ["tester", access.accessKey, access.secretKey],
    ["other", other.otherAccessKey, other.otherSecretKey],
  ];
  for (const [uid = "", key = "", secret = ""] of users) {
    const user = ["user", "create", `--uid=${uid}`, `--display-name=${uid}`];
    const words = [...client, ...user, `--access-key=${key}`, `--secret-key=${secret}`];
    await daemons.run(`user-${uid}`, "timeout", ["40", "radosgw-admin", ...words]);
  }
  daemons.start("rgw", "radosgw", [...client, "-f", "-n", "client.rgw"]);
}

await stayWhenRunDirectly(import.meta.url, startCeph);
