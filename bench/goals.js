/**
 * What must be reached, as ratios inside one run; absolute figures move with the machine.
 *
 * @typedef {object} Goal
 * @property {string} caseId
 * @property {string} measure
 * @property {string} adapter
 * @property {"speed" | "time" | "growthMiB" | "peakRssMiB" | "idleRssMiB" | "cpuUs"} quantity `speed` is more with more, `time` (in ms) and `cpuUs` less.
 * @property {string} [of] The adapter it is compared with; without it the figure itself counts.
 * @property {string} [ofMeasure] Another measure of that adapter.
 * @property {number} [atLeast]
 * @property {number} [atMost]
 */

const local = "svc-infra-local";
const memory = "svc-infra-memory";
const s3 = "svc-infra-s3";
const http = "svc-infra-http";
const signer = "svc-infra-signer";

/** What the default layers may cost, against the backend by itself. */
const layers = 0.85;

/** @type {readonly Goal[]} */
export const goals = [
  ...["L1", "L1F"].flatMap((caseId) => [
    goal(caseId, "put", "raw-fs-safe", 0.9),
    goal(caseId, "put steady", "raw-fs-safe", 0.9),
  ]),
  goal("L1", "put steady", "svc-infra-local-bare", layers),
  { ...goal("L1", "put steady", local, 0.9), adapter: "svc-infra-local-policy" },
  ...["get", "get again", "get steady", "get again steady"].flatMap((measure) => [
    goal("L2", measure, "raw-fs", 0.8),
    ...["unstorage-fs", "flydrive-fs", "flystorage-local"].map((peer) => goal("L2", measure, peer, 2)),
  ]),
  goal("L2", "get steady", "svc-infra-local-bare", layers),
  goal("L3", "put", "raw-fs", 1),
  { caseId: "L3", measure: "put", adapter: local, quantity: "growthMiB", atMost: 8 },
  goal("L4", "get", "raw-fs", 1),
  { caseId: "L4", measure: "get", adapter: local, quantity: "growthMiB", atMost: 32 },
  ...["first page", "middle page", "middle again"].map((measure) => page("L5N", measure)),
  walk("L5N"),
  { caseId: "L5F", measure: "middle again", adapter: local, quantity: "time", atMost: 1 },
  walk("L5F"),
  { caseId: "L5F", measure: "all keys during puts", adapter: local, quantity: "time", atMost: 1000 },
  ...["stat", "stat again", "stat steady", "stat again steady"].flatMap((measure) => [
    goal("L6", measure, "raw-fs", 0.4),
    goal("L6", measure, "unstorage-fs", 1.5),
  ]),
  goal("L6", "stat steady", "svc-infra-local-bare", layers),
  ...["put 256 KiB", "put 1 MiB"].flatMap((measure) => [
    goal("L7", measure, "raw-fs-safe", 0.9),
    ...["unstorage-fs", "flydrive-fs", "flystorage-local"].map((peer) => goal("L8", measure, peer, 1)),
  ]),
  { caseId: "L9", measure: "next page", adapter: local, quantity: "time", atMost: 20 },
  { caseId: "L9", measure: "whole walk", adapter: local, quantity: "growthMiB", atMost: 250 },
  ...["put", "put steady"].map((measure) => ({ ...goal("M1", measure, "raw-map", 0.5), adapter: memory })),
  ...["get", "get steady"].map((measure) => ({ ...goal("M1", measure, "raw-map", 0.6), adapter: memory })),
  ...["put", "get", "put steady", "get steady"].flatMap((measure) => [
    { ...goal("S1", measure, "raw-s3", measure.startsWith("put") ? 0.65 : 1), adapter: s3 },
    cpu("S1", measure, "aws-sdk", 0.2),
  ]),
  { ...goal("S2", "put again", "raw-s3", 0.9), adapter: s3 },
  { ...goal("S2", "put again", "aws-sdk", 2), adapter: s3 },
  { caseId: "S2", measure: "put", adapter: s3, quantity: "growthMiB", atMost: 48 },
  { ...goal("S3", "sign", "raw-crypto", 0.7), adapter: s3 },
  { ...goal("S3", "sign", "aws-sdk", 25), adapter: s3 },
  { ...goal("S3", "sign", "lean-s3", 1), adapter: s3 },
  { caseId: "S4", measure: "list", adapter: s3, quantity: "time", of: "raw-s3", atMost: 2 },
  // From figures of a quiet machine, where nginx took 15, 190, 31 and 11 us, as ratios to it.
  ...["H1", "H3", "H4"].map((caseId) =>
    overHttp(caseId, "get steady", { H1: 3.3, H3: 2.4, H4: 2.3 }[caseId] ?? 0),
  ),
  overHttp("H2", "get", 2.6),
  ...["H1", "H2", "H3"].flatMap((caseId) => memoryOfServer(caseId, caseId === "H2" ? "get" : "get steady")),
  { ...goal("U1", "upload steady", "raw-body", 0.8), adapter: http },
  { ...cpu("U1", "upload steady", "raw-body", 1.3), adapter: http },
  { ...goal("U2", "upload", "raw-body", 1.2), adapter: http },
  { caseId: "U2", measure: "upload", adapter: http, quantity: "peakRssMiB", atMost: 110 },
  // What a policy of size and types may cost a form.
  { ...goal("U1", "upload steady", http, 0.9), adapter: "svc-infra-http-policy" },
  { ...goal("U2", "upload", http, 0.9), adapter: "svc-infra-http-policy" },
  { caseId: "U2", measure: "upload", adapter: "svc-infra-http-policy", quantity: "peakRssMiB", atMost: 110 },
  ...["sign", "verify", "sign steady", "verify steady"].map((measure) => ({
    ...goal("V1", measure, "raw-hmac", 0.8),
    adapter: signer,
  })),
];

/**
 * What the server holds before the first request, and at most.
 *
 * @param {string} caseId
 * @param {string} measure
 * @returns {Goal[]}
 */
function memoryOfServer(caseId, measure) {
  return [
    { caseId, measure, adapter: http, quantity: "idleRssMiB", atMost: 90 },
    { caseId, measure, adapter: http, quantity: "peakRssMiB", atMost: 120 },
  ];
}

/**
 * CPU of the server for one request, against nginx.
 *
 * @param {string} caseId
 * @param {string} measure
 * @param {number} atMost
 * @returns {Goal}
 */
function overHttp(caseId, measure, atMost) {
  return { caseId, measure, adapter: http, quantity: "cpuUs", of: "nginx", atMost };
}

/**
 * @param {string} caseId
 * @param {string} measure
 * @param {string} of
 * @param {number} atLeast
 * @returns {Goal}
 */
function goal(caseId, measure, of, atLeast) {
  return { caseId, measure, adapter: local, quantity: "speed", of, atLeast };
}

/**
 * @param {string} caseId
 * @param {string} measure
 * @param {string} of
 * @param {number} atMost
 * @returns {Goal}
 */
function cpu(caseId, measure, of, atMost) {
  return { caseId, measure, adapter: s3, quantity: "cpuUs", of, atMost };
}

/**
 * A page of 100 takes at most twice what a sorted walk to the same place takes.
 *
 * @param {string} caseId
 * @param {string} measure
 * @returns {Goal}
 */
function page(caseId, measure) {
  return { caseId, measure, adapter: local, quantity: "time", of: "raw-fs", atMost: 2 };
}

/**
 * All keys by pages of 1,000 take at most twice a raw sorted walk.
 *
 * @param {string} caseId
 * @returns {Goal}
 */
function walk(caseId) {
  return { caseId, measure: "all keys", adapter: local, quantity: "time", of: "raw-fs", atMost: 2 };
}
