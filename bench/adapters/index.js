import { isBefore } from "../harness/build.js";

/**
 * Loaded one at a time, so that no sample pays for another library.
 *
 * @type {Record<string, () => Promise<{ adapter: import("../harness/contracts.js").Adapter }>>}
 */
const adapters = {
  "raw-fs": () => import("./raw-fs.js"),
  "raw-fs-safe": () => import("./raw-fs-safe.js"),
  "raw-fs-stat": () => import("./raw-fs-stat.js"),
  "raw-map": () => import("./raw-map.js"),
  "svc-infra-local": () => import("./svc-infra-local.js"),
  "svc-infra-memory": () => import("./svc-infra-memory.js"),
  ...Object.fromEntries(
    ["local", "memory", "s3"].map((backend) => [
      `svc-infra-${backend}-bare`,
      async () => ({ adapter: (await import(`./svc-infra-${backend}.js`)).bareAdapter }),
    ]),
  ),
  "svc-infra-local-policy": async () => ({ adapter: (await import("./svc-infra-local.js")).policyAdapter }),
  "raw-hmac": () => import("./raw-hmac.js"),
  "svc-infra-signer": () => import("./svc-infra-signer.js"),
  "unstorage-fs": () => import("./unstorage-fs.js"),
  "unstorage-memory": () => import("./unstorage-memory.js"),
  "flydrive-fs": () => import("./flydrive-fs.js"),
  "flystorage-local": () => import("./flystorage-local.js"),
  "flystorage-memory": () => import("./flystorage-memory.js"),
  "raw-s3": () => import("./raw-s3.js"),
  "raw-crypto": () => import("./raw-crypto.js"),
  "svc-infra-s3": () => import("./svc-infra-s3.js"),
  "aws-sdk": () => import("./aws-sdk.js"),
  "lean-s3": () => import("./lean-s3.js"),
  s3mini: () => import("./s3mini.js"),
  minio: () => import("./minio.js"),
  ...Object.fromEntries(
    [
      "nginx",
      "bare-fastify",
      "send",
      "fastify-static",
      "raw-body",
      "busboy",
      "fastify-multipart",
      "formidable",
    ].map((name) => [name, async () => ({ adapter: (await import("./http-server.js")).httpServer(name) })]),
  ),
  "svc-infra-http": async () => ({ adapter: (await import("./http-server.js")).httpServer("svc-infra") }),
  "svc-infra-http-policy": async () => ({
    adapter: (await import("./http-server.js")).httpServer("svc-infra-policy"),
  }),
};

/**
 * @param {string} name
 * @returns {Promise<import("../harness/contracts.js").Adapter>}
 */
export async function adapterNamed(name) {
  const load = adapters[name.replace(/^before-/, "svc-infra-")];
  if (load === undefined) throw new Error(`there is no adapter ${name}`);
  const { adapter } = await load();
  return isBefore(name) ? { ...adapter, name, layout: `before-${adapter.layout}` } : adapter;
}
