// @ts-check
import { connect } from "node:net";
import { Daemons } from "./daemons.js";
import { freePorts } from "./free-ports.js";
import { stayWhenRunDirectly } from "./stay.js";

/**
 * A running Redis server that keeps everything in memory and evicts nothing.
 *
 * @typedef {object} RedisRig
 * @property {string} url
 * @property {number} port
 * @property {Readonly<Record<string, string>>} env - settings of svc-infra.
 * @property {() => Promise<void>} stop
 */

/**
 * Starts Debian's Redis in a folder of its own.
 *
 * @param {{ port?: number }} [options] - `port`: a free one by default; of one that was stopped, to start it again.
 * @returns {Promise<RedisRig>}
 * @throws Error with the last lines of its log when it does not start.
 */
export async function startRedis({ port: wanted } = {}) {
  const daemons = await Daemons.inOwnFolder("redis");
  return daemons.whole(async () => {
    const port = wanted ?? (await freePorts(1))[0] ?? 0;
    const settings = {
      port,
      bind: "127.0.0.1",
      dir: daemons.folder,
      save: "",
      appendonly: "no",
      daemonize: "no",
      "maxmemory-policy": "noeviction",
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    daemons.start("redis", "redis-server", args);
    await daemons.until("Redis to answer", () => answersPing(port));
    const url = `redis://127.0.0.1:${port}`;
    return { url, port, env: { REDIS_URL: url }, stop: () => daemons.stop() };
  });
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function answersPing(port) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.once("data", (answer) => {
      socket.destroy();
      resolve(answer.toString().startsWith("+PONG"));
    });
    socket.once("error", reject);
  });
}

await stayWhenRunDirectly(import.meta.url, startRedis);
