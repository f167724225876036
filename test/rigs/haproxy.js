// @ts-check
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Daemons } from "./daemons.js";
import { freePorts } from "./free-ports.js";
import { stayWhenRunDirectly } from "./stay.js";

/**
 * A running HAProxy in front of servers on the loopback interface.
 *
 * @typedef {object} HaproxyRig
 * @property {string} url
 * @property {Readonly<Record<string, string>>} env - nothing of it is a setting of svc-infra.
 * @property {(port: number) => Promise<boolean>} sendsTo - whether it takes the server for healthy now.
 * @property {() => Promise<void>} stop
 */

/**
 * Starts Debian's HAProxy. It asks each server for `/readyz` every 100 ms and takes it out after two failures. A request is
 * tried again only when no connection could be made, so one that a server loses is seen as lost.
 *
 * @param {{ ports?: readonly number[] }} [options] - ports of the servers.
 * @returns {Promise<HaproxyRig>}
 */
export async function startHaproxy({ ports = [] } = {}) {
  const daemons = await Daemons.inOwnFolder("haproxy");
  return daemons.whole(async () => {
    const [port = 0] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const file = join(daemons.folder, "haproxy.cfg");
    await writeFile(file, configuration(port, ports));
    daemons.start("haproxy", "haproxy", ["-db", "-f", file]);
    await daemons.until("HAProxy to answer", async () => (await fetch(`${url}/proxy-is-up`)).ok);
    return { url, env: {}, sendsTo: (server) => sendsTo(url, server), stop: () => daemons.stop() };
  });
}

/**
 * @param {string} url
 * @param {number} server
 */
async function sendsTo(url, server) {
  const lines = (await (await fetch(`${url}/proxy-stats;csv`)).text()).split("\n");
  return lines.some((line) => line.startsWith(`service,s${server},`) && line.split(",").includes("UP"));
}

/**
 * @param {number} port
 * @param {readonly number[]} servers
 */
function configuration(port, servers) {
  return `global
  maxconn 2000
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
  timeout check 2s
  retries 3
  option redispatch
  http-reuse safe
frontend edge
  bind 127.0.0.1:${port}
  monitor-uri /proxy-is-up
  stats enable
  stats uri /proxy-stats
  default_backend service
backend service
  option httpchk GET /readyz
  default-server check inter 100ms fall 2 rise 1
${servers.map((server) => `  server s${server} 127.0.0.1:${server}`).join("\n")}
`;
}

await stayWhenRunDirectly(import.meta.url, startHaproxy);
