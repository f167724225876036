// @ts-check
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Daemons } from "./daemons.js";
import { freePorts } from "./free-ports.js";
import { stayWhenRunDirectly } from "./stay.js";

/**
 * A running Prometheus that reads one service on the loopback interface.
 *
 * @typedef {object} PrometheusRig
 * @property {string} url
 * @property {Readonly<Record<string, string>>} env - nothing of it is a setting of svc-infra.
 * @property {() => Promise<void>} stop
 */

/**
 * Starts Debian's Prometheus with the alert rules of the kit. It reads `/metrics` of the service every second.
 *
 * @param {{ port?: number, token?: string }} [options] - port of the service; the bearer token that it asks for.
 * @returns {Promise<PrometheusRig>}
 */
export async function startPrometheus({ port: service = 0, token } = {}) {
  const daemons = await Daemons.inOwnFolder("prometheus");
  return daemons.whole(async () => {
    const [port = 0] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const file = join(daemons.folder, "prometheus.yml");
    await writeFile(file, configuration(service, token));
    daemons.start("prometheus", "prometheus", [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(daemons.folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    await daemons.until("Prometheus to be ready", async () => (await fetch(`${url}/-/ready`)).ok);
    return { url, env: {}, stop: () => daemons.stop() };
  });
}

/**
 * @param {number} port
 * @param {string | undefined} token
 */
function configuration(port, token) {
  return `global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files: [${JSON.stringify(resolve("docs/observability/alerts.yml"))}]
scrape_configs:
  - job_name: shop
    ${token === undefined ? "" : `authorization: { credentials: ${JSON.stringify(token)} }`}
    static_configs:
      - targets: ["127.0.0.1:${port}"]
`;
}

await stayWhenRunDirectly(import.meta.url, () => startPrometheus());
