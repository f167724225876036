import { getRequest, runLoad } from "../harness/http-load.js";
import { idleRss, measureServer } from "../harness/server-measure.js";
import { youngCalls } from "../harness/workers.js";
import { largeBytes, mediumBytes, smallBytes } from "../servers/fixtures.js";

const servers = ["nginx", "svc-infra-http", "send", "fastify-static"];
/** With what Fastify costs by itself: the same header section, and content that it holds. */
const serversOfSmall = ["nginx", "bare-fastify", ...servers.slice(1)];
const rangeBytes = 65_536;

/** @typedef {import("../harness/contracts.js").CaseContext} CaseContext */
/** @typedef {Required<import("../servers/answer.js").Served>} Served */
/** @typedef {Omit<import("../harness/http-load.js").Load, "port" | "count">} Requests */

/** @type {import("../harness/contracts.js").Case} */
export const h1Small = {
  id: "H1",
  title: "GET of 4 KiB over HTTP, 16 connections",
  adapters: serversOfSmall,
  unit: "ops/s",
  run: (context) =>
    youngAndSteady(context, ({ small }) => ({
      connections: 16,
      request: (index) => getRequest(small[index % small.length] ?? ""),
      status: 200,
      size: smallBytes,
    })),
};

/** @type {import("../harness/contracts.js").Case} */
export const h2Large = {
  id: "H2",
  title: "GET of 64 MiB over HTTP, 4 connections",
  adapters: servers,
  unit: "MB/s",
  run: async ({ scale, open }) => {
    const { served, close } = await open();
    const { large, port, pids } = /** @type {Served} */ (served);
    const idleRssMiB = idleRss(pids);
    const load = { port, connections: 4, request: () => getRequest(large), status: 200, size: largeBytes };
    await runLoad({ ...load, count: 4 });
    const count = Math.ceil(64 * scale);
    const get = await measureServer(pids, count, () => runLoad({ ...load, count }), {
      bytes: count * largeBytes,
    });
    await close();
    return { get: { ...get, idleRssMiB } };
  },
};

/** @type {import("../harness/contracts.js").Case} */
export const h3Range = {
  id: "H3",
  title: "ranges of 64 KiB over HTTP, 16 connections",
  adapters: servers,
  unit: "ops/s",
  run: (context) =>
    youngAndSteady(context, ({ medium }) => ({
      connections: 16,
      request: (index) => {
        const start = (index * rangeBytes) % mediumBytes;
        return getRequest(medium, `range: bytes=${start}-${start + rangeBytes - 1}\r\n`);
      },
      status: 206,
      size: rangeBytes,
    })),
};

/** @type {import("../harness/contracts.js").Case} */
export const h4NotModified = {
  id: "H4",
  title: "304 over HTTP, 16 connections",
  adapters: serversOfSmall,
  unit: "ops/s",
  run: (context) =>
    youngAndSteady(context, async ({ small, port }) => {
      const tags = new Map();
      for (const target of small) {
        const { headers } = await fetch(`http://127.0.0.1:${port}${target}`);
        tags.set(target, headers.get("etag"));
      }
      return {
        connections: 16,
        request: (index) => {
          const target = small[index % small.length] ?? "";
          return getRequest(target, `if-none-match: ${tags.get(target)}\r\n`);
        },
        status: 304,
      };
    }),
};

/**
 * The first 3,000 requests of a server, and as many as are wanted after it has answered 40,000.
 *
 * @param {CaseContext} context
 * @param {(served: Served) => Requests | Promise<Requests>} requestsOf
 */
async function youngAndSteady({ scale, open }, requestsOf) {
  const { served, close } = await open();
  const { port, pids } = /** @type {Served} */ (served);
  const idleRssMiB = idleRss(pids);
  const load = { port, ...(await requestsOf(/** @type {Served} */ (served))) };
  const run = (/** @type {number} */ count) => measureServer(pids, count, () => runLoad({ ...load, count }));
  const young = await run(Math.ceil(youngCalls * scale));
  await runLoad({ ...load, count: Math.ceil(40_000 * scale) });
  const steady = await run(Math.ceil(30_000 * scale));
  await close();
  return { get: { ...young, idleRssMiB }, "get steady": { ...steady, idleRssMiB } };
}
