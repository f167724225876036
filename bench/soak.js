#!/usr/bin/env node
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Pool } from "undici";
import { Progress } from "./harness/progress.js";
import { median } from "./harness/summary.js";

const help = `node bench/soak.js [options]

Keeps a service under load and looks at what grows: resident memory, descriptors, and the time of slow requests. Of 64
connections 16 read objects of 4 KiB by signed URLs, and their times are told; 40 take turns with 304, ranges of 64 KiB,
uploads of 1 KiB and reads; 8, of undici, ask by HEAD, whose answers wrk does not understand. An answer with any status but
the one that its request must have is a failure. Needs a build and Debian's wrk, and ends with 1 below a goal.

Options
  --seconds 600    how long; the third minute (or tenth, when that is shorter) is compared with the highest of those behind it
  --dir /dev/shm   where data is kept
  --help
`;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "600" },
    dir: { type: "string", default: "/dev/shm" },
    help: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
/** The length of the spans whose medians are compared. */
const spanSeconds = Math.min(60, seconds / 10);
const uploadedKeys = 1_000;

if (values.help) process.stdout.write(help);
else await soak();

async function soak() {
  const dir = await mkdtemp(`${values.dir}/svc-infra-soak-`);
  try {
    const server = fork(fileURLToPath(new URL("servers/svc-infra.js", import.meta.url)), [
      JSON.stringify({ dir }),
    ]);
    const [served] = await once(server, "message");
    const pid = Number(server.pid);
    const url = `http://127.0.0.1:${served.port}`;
    const scripts = await writeScripts(dir, url, served);
    // Folders that are read and written stay open, in a bounded number.
    await Promise.all([wrk(1, 16, scripts.reads, url, 3), wrk(40, 40, scripts.mix, url, 3)]);
    await sleep(2_000);
    const before = descriptorsOf(pid);
    const watch = watchMemory(pid);
    const [reads, mix, heads] = await Promise.all([
      wrk(1, 16, scripts.reads, url),
      wrk(40, 40, scripts.mix, url),
      askByHead(8, served.small, url),
    ]);
    const rss = await watch.stop();
    await sleep(2_000);
    const left = moreOf(before, descriptorsOf(pid));
    server.disconnect();
    await once(server, "exit");
    report({ reads, mix, heads, rss, left });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/**
 * @param {string} dir
 * @param {string} url
 * @param {import("./servers/answer.js").Served} served
 */
async function writeScripts(dir, url, { small = [], medium }) {
  const objects = await Promise.all(
    small.map(async (target) => {
      const { headers } = await fetch(url + target, { method: "HEAD" });
      return `{ ${lua(target)}, ${lua(headers.get("etag") ?? "")} }`;
    }),
  );
  // Where answers differ each thread has one connection, so that an answer is the one to the request before it.
  const start = `local objects = { ${objects.join(",\n")} }
local threads = {}
local wanted = 200
unexpected = 0
n = 0
function setup(thread)
  thread:set("n", #threads * 25)
  table.insert(threads, thread)
end
function response(status)
  if status ~= wanted then
    unexpected = unexpected + 1
    example = status .. " for " .. wanted
  end
end
function done()
  local count = 0
  for _, thread in ipairs(threads) do
    count = count + thread:get("unexpected")
    example = thread:get("example") or example
  end
  io.write("Unexpected statuses: " .. count .. (example and ", " .. example or "") .. "\\n")
end
`;
  const mix = `${start}
local body = string.rep("x", 1024)
request = function()
  n = n + 1
  local object = objects[n % #objects + 1]
  local turn = n % 4
  wanted = ({ [0] = 200, 304, 206, 200 })[turn]
  if turn == 1 then return wrk.format("GET", object[1], { ["If-None-Match"] = object[2] }) end
  if turn == 2 then return wrk.format("GET", ${lua(medium ?? "")}, { Range = "bytes=" .. (n % 60) * 65536 .. "-" .. (n % 60) * 65536 + 65535 }) end
  if turn == 3 then
    local key = "uploads/" .. n % ${uploadedKeys} .. ".bin"
    return wrk.format("PUT", "/_storage/files/" .. key, { ["Content-Type"] = "application/octet-stream" }, body)
  end
  return wrk.format("GET", object[1])
end
`;
  const reads = `${start}
request = function()
  n = n + 1
  return wrk.format("GET", objects[n % #objects + 1][1])
end
`;
  writeFileSync(`${dir}/reads.lua`, reads);
  writeFileSync(`${dir}/mix.lua`, mix);
  return { reads: `${dir}/reads.lua`, mix: `${dir}/mix.lua` };
}

/** @param {string} text */
function lua(text) {
  return JSON.stringify(text);
}

/**
 * Runs wrk to its end.
 *
 * @param {number} threads
 * @param {number} connections
 * @param {string} script
 * @param {string} url
 * @param {number} [duration] in seconds
 * @returns {Promise<string>} what it printed
 */
async function wrk(threads, connections, script, url, duration = seconds) {
  const args = [
    `-t${threads}`,
    `-c${connections}`,
    `-d${duration}s`,
    "--timeout",
    "10s",
    "--latency",
    "-s",
    script,
    url,
  ];
  const child = spawn("wrk", args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (data) => {
    text += data;
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`wrk ended with code ${code}: ${text}`);
  return text;
}

/**
 * Sends one HEAD after the other on each connection until the time is over.
 *
 * @param {number} connections
 * @param {readonly string[]} targets
 * @param {string} url
 * @returns {Promise<{ count: number, failed: number }>}
 */
async function askByHead(connections, targets, url) {
  const pool = new Pool(url, { connections });
  const until = Date.now() + seconds * 1_000;
  let count = 0;
  let failed = 0;
  const work = async () => {
    while (Date.now() < until) {
      const path = targets[count++ % targets.length] ?? "";
      const answer = await pool.request({ method: "HEAD", path }).catch(() => undefined);
      if (answer?.statusCode !== 200) failed += 1;
      await answer?.body.dump();
    }
  };
  await Promise.all(Array.from({ length: connections }, work));
  await pool.close();
  return { count, failed };
}

/** Reads the resident memory of a process once a second. @param {number} pid */
function watchMemory(pid) {
  const progress = new Progress();
  /** @type {number[]} MiB, one a second */
  const samples = [];
  const timer = setInterval(() => {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    samples.push(Number(/^VmRSS:\s+([0-9]+) kB/m.exec(status)?.[1]) / 1024);
    if (samples.length % 30 === 0) progress.show(`of ${seconds} s, ${samples.at(-1)?.toFixed(0)} MiB`);
  }, 1_000);
  return {
    stop: async () => {
      clearInterval(timer);
      progress.clear();
      return samples;
    },
  };
}

/**
 * How many descriptors of each kind a process has: one that is closed must not hide one that is left.
 *
 * @param {number} pid
 */
function descriptorsOf(pid) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const kind = kindOf(`/proc/${pid}/fd/${fd}`);
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** @param {string} path Of a descriptor in proc(5). */
function kindOf(path) {
  try {
    const target = readlinkSync(path);
    if (!target.startsWith("/")) return target.replace(/:\[[0-9]+\]$/, "");
    return statSync(path).isDirectory() ? "folder" : "file";
  } catch {
    return "closed";
  }
}

/**
 * @param {Record<string, number>} before
 * @param {Record<string, number>} after
 */
function moreOf(before, after) {
  return Object.entries(after)
    .map(([kind, count]) => ({ kind, more: count - (before[kind] ?? 0) }))
    .filter(({ kind, more }) => kind !== "closed" && more > 0);
}

/** @param {{ reads: string, mix: string, heads: { count: number, failed: number }, rss: readonly number[], left: readonly { kind: string, more: number }[] }} result */
function report({ reads, mix, heads, rss, left }) {
  const at = Math.round(spanSeconds);
  const spans = Array.from({ length: Math.floor(rss.length / at) }, (_, index) =>
    median(rss.slice(index * at, (index + 1) * at)),
  );
  const [third = Number.NaN, ...later] = spans.slice(2);
  const highest = Math.max(...later);
  const [p50, p99] = [percentile(reads, 50), percentile(reads, 99)];
  const refused = faultsOf(reads) + faultsOf(mix) + heads.failed;
  const rates = [rateOf(reads), rateOf(mix), Math.round(heads.count / seconds)];
  tell("requests a second: reads, mix, HEAD", rates.join(", "));
  tell("requests that failed", String(refused), "0", refused === 0);
  for (const [, example] of `${reads}${mix}`.matchAll(/Unexpected statuses: [0-9]+, (.+)/g))
    tell("an unexpected status", example ?? "");
  tell("resident MiB, span by span", spans.map((each) => each.toFixed(0)).join(" "));
  tell(
    "resident MiB, third span and highest",
    `${third.toFixed(0)} and ${highest.toFixed(0)}`,
    "+5 %",
    highest <= third * 1.05,
  );
  tell("peak of resident MiB", Math.max(...rss).toFixed(0));
  const kinds = left.map(({ kind, more }) => `${kind} +${more}`);
  tell("descriptors left", kinds.join(", ") || "0", "0", left.length === 0);
  tell("GET of 4 KiB, median and p99 in ms", `${p50.toFixed(1)} and ${p99.toFixed(1)}`, "5 x", p99 < 5 * p50);
}

/**
 * @param {string} what
 * @param {string} value
 * @param {string} [goal]
 * @param {boolean} [isReached]
 */
function tell(what, value, goal = "", isReached) {
  const verdict = isReached === undefined ? "" : isReached ? "reached" : "NOT REACHED";
  process.stdout.write(`${what.padEnd(40)} ${value.padStart(18)}   ${goal.padEnd(6)} ${verdict}\n`);
  if (isReached === false) process.exitCode = 1;
}

/** Answers whose status was another one than it must be, and connections that broke. @param {string} text */
function faultsOf(text) {
  const answers = Number(/Unexpected statuses: ([0-9]+)/.exec(text)?.[1] ?? Number.NaN);
  const sockets = /Socket errors: connect ([0-9]+), read ([0-9]+), write ([0-9]+), timeout ([0-9]+)/.exec(
    text,
  );
  return (sockets?.slice(1) ?? []).reduce((sum, each) => sum + Number(each), answers);
}

/** @param {string} text */
function rateOf(text) {
  return Math.round(Number(/Requests\/sec:\s+([0-9.]+)/.exec(text)?.[1]));
}

/**
 * @param {string} text
 * @param {number} percent
 * @returns {number} ms
 */
function percentile(text, percent) {
  const [, amount, unit] = new RegExp(`^\\s+${percent}%\\s+([0-9.]+)(us|ms|s)`, "m").exec(text) ?? [];
  return Number(amount) * ({ us: 0.001, ms: 1, s: 1_000 }[unit ?? "ms"] ?? 1);
}
