// @ts-check
import { chown, mkdir } from "node:fs/promises";
import pg from "pg";
import { Daemons } from "./daemons.js";
import { freePorts } from "./free-ports.js";
import { stayWhenRunDirectly } from "./stay.js";

/** Where Debian has the programs of PostgreSQL 15; only some are on the path. */
const programs = "/usr/lib/postgresql/15/bin";
/** The server refuses to run as root, so it runs as nobody then. */
const nobody = 65_534;

/**
 * A running PostgreSQL server, to which everybody on this machine may connect as the role `postgres`.
 *
 * @typedef {object} PostgresRig
 * @property {string} url - of the database `postgres`.
 * @property {string} host
 * @property {number} port
 * @property {string} socketFolder - of its Unix socket.
 * @property {Readonly<Record<string, string>>} env - settings of svc-infra.
 * @property {() => Promise<string>} createDatabase - an empty one; returns its URL.
 * @property {() => Promise<void>} stop
 */

/**
 * Starts PostgreSQL 15 in a folder of its own, without syncing to disk.
 *
 * @param {{ settings?: Readonly<Record<string, string | number>> }} [options] - `settings`: of postgresql.conf.
 * @returns {Promise<PostgresRig>}
 * @throws Error with the last lines of its log when it does not start.
 */
export async function startPostgres({ settings = {} } = {}) {
  const daemons = await Daemons.inOwnFolder("postgres");
  return daemons.whole(async () => {
    const [port = 0] = await freePorts(1);
    const { folder } = daemons;
    const data = `${folder}/data`;
    const run = asNobody();
    await mkdir(data, { mode: 0o700 });
    if (run.length > 0) for (const each of [folder, data]) await chown(each, nobody, nobody);
    const newCluster = ["--pgdata", data, "--username=postgres", "--auth=trust", "--encoding=UTF8"];
    await program(daemons, run, "initdb", [...newCluster, "--locale=C.UTF-8", "--no-sync"]);
    const all = { fsync: "off", listen_addresses: "127.0.0.1", max_connections: 200, ...settings };
    const words = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const [command = "", ...args] = [
      ...run,
      `${programs}/postgres`,
      "-D",
      data,
      "-k",
      folder,
      "-p",
      `${port}`,
    ];
    daemons.start("postgres", command, [...args, ...words]);
    const url = `postgresql://postgres@127.0.0.1:${port}/postgres`;
    await daemons.until("PostgreSQL to answer", () => query(url, "select 1").then(() => true));
    let databases = 0;
    return {
      url,
      host: "127.0.0.1",
      port,
      socketFolder: folder,
      env: { SQL_URL: url },
      createDatabase: async () => {
        const name = `test_${process.pid}_${databases++}`;
        await query(url, `create database ${name} template template0`);
        return url.replace(/postgres$/, name);
      },
      stop: async () => {
        // Killed, it would leave a segment of shared memory behind.
        const stopping = ["stop", "-D", data, "-m", "immediate"];
        await program(daemons, run, "pg_ctl", stopping).catch(() => undefined);
        await daemons.stop();
      },
    };
  });
}

function asNobody() {
  if (process.getuid?.() !== 0) return [];
  const words = [`--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups", "--pdeathsig", "KILL", "--"];
  return ["setpriv", ...words];
}

/**
 * @param {Daemons} daemons
 * @param {readonly string[]} run
 * @param {string} name
 * @param {readonly string[]} args
 */
async function program(daemons, run, name, args) {
  const [command = "", ...words] = [...run, `${programs}/${name}`, ...args];
  await daemons.run(name, command, words);
}

/**
 * @param {string} connectionString
 * @param {string} text
 */
async function query(connectionString, text) {
  const client = new pg.Client({ connectionString });
  try {
    await client.connect();
    await client.query(text);
  } finally {
    await client.end();
  }
}

await stayWhenRunDirectly(import.meta.url, startPostgres);
