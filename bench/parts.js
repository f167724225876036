#!/usr/bin/env node
// Where the time of CPU profiles is, as parts of the samples that are neither idle nor of loading modules.
// Run with: npm run bench -- L2 --profile profiles, then: node bench/parts.js profiles/*.cpuprofile
import { readFileSync } from "node:fs";

/** The first that matches the place of a function says what it counts for. @type {readonly (readonly [string, RegExp])[]} */
const parts = [
  ["the storage, its layers and content", /\/dist\/storage\/(?!backends|fastify|policy)/],
  ["the policy", /\/dist\/storage\/policy\//],
  ["the backend", /\/dist\/storage\/backends\//],
  ["the storage's routes", /\/dist\/storage\/fastify\//],
  ["the kit's http/ and kernel/", /\/dist\/(?:http|kernel)\//],
  ["other parts of the kit", /\/dist\//],
  ["the bench itself", /\/bench\/(?!node_modules)/],
  ["Fastify and its packages", /node_modules\/(?:@?fastify|avvio|find-my-way|light-my-request|pino)/],
  ["other packages", /node_modules\//],
  ["loading modules", /^node:internal\/(?:modules|bootstrap|process|main|vm)|^node:vm/],
  ["node:http and node:net", /^node:.*(?:http|net|llhttp)/],
  ["node's streams and events", /^node:.*(?:stream|events)/],
  ["node:crypto", /^node:.*crypto/],
  ["node:fs", /^node:.*\bfs\b/],
  ["other modules of Node", /^node:/],
];
/** Native functions have no place, and stand for what they do. @type {readonly (readonly [string, RegExp])[]} */
const native = [
  ["collecting garbage", /^\(garbage collector\)$/],
  [
    "system calls: files",
    /^(?:open|close|read|writeString|fstat|lstat|stat|rename|readlink|unlink|mkdir|utimes|futimes|readdir|scandir|link|access)/i,
  ],
  ["system calls: writing buffers, to a file or a socket", /^writeBuffer/],
  [
    "system calls: the socket",
    /^(?:writev|writeUtf8String|writeLatin1String|writeAsciiString|shutdown|accept)/,
  ],
  ["the event loop and code outside of functions", /^\(program\)$/],
  ["promises and other native code", /^/],
];

/** @type {Map<string, number>} */
const times = new Map();
let total = 0;
for (const file of process.argv.slice(2)) addProfile(JSON.parse(readFileSync(file, "utf8")));
for (const [name, time] of [...times].sort(([, a], [, b]) => b - a)) {
  const percent = (100 * time) / total;
  if (percent >= 0.5) console.log(`${percent.toFixed(0).padStart(3)} %  ${name}`);
}

/** @param {import("node:inspector").Profiler.Profile} profile */
function addProfile({ nodes, samples = [], timeDeltas = [] }) {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, partOf(callFrame)]));
  samples.forEach((id, index) => {
    const name = names.get(id);
    if (name === undefined || name === "loading modules") return;
    const time = timeDeltas[index] ?? 0;
    times.set(name, (times.get(name) ?? 0) + time);
    total += time;
  });
}

/** @param {import("node:inspector").Runtime.CallFrame} frame */
function partOf({ functionName, url }) {
  if (/^\((?:idle|root)\)$/.test(functionName)) return undefined;
  const [rules, text] = url === "" ? [native, functionName] : [parts, url];
  return rules.find(([, pattern]) => pattern.test(text))?.[0];
}
