/**
 * What must be reached, as ratios inside one run; absolute figures move with the machine.
 *
 * @typedef {object} Goal
 * @property {string} caseId
 * @property {string} measure
 * @property {string} adapter
 * @property {"speed" | "time" | "growthMiB"} quantity `speed` is more with more, `time` (in ms) less.
 * @property {string} [of] The adapter it is compared with; without it the figure itself counts.
 * @property {string} [ofMeasure] Another measure of that adapter.
 * @property {number} [atLeast]
 * @property {number} [atMost]
 */

const local = "svc-infra-local";
const memory = "svc-infra-memory";

/** @type {readonly Goal[]} */
export const goals = [
  { caseId: "L1", measure: "put", adapter: local, quantity: "speed", of: "raw-fs-safe", atLeast: 1.1 },
  { caseId: "L1F", measure: "put", adapter: local, quantity: "speed", of: "raw-fs-safe", atLeast: 1.1 },
  ...["get", "get again"].flatMap((measure) => [
    goal("L2", measure, "raw-fs", 0.8),
    ...["unstorage-fs", "flydrive-fs", "flystorage-local"].map((peer) => goal("L2", measure, peer, 2)),
  ]),
  goal("L3", "put", "raw-fs", 1),
  { caseId: "L3", measure: "put", adapter: local, quantity: "growthMiB", atMost: 8 },
  goal("L4", "get", "raw-fs", 1),
  { caseId: "L4", measure: "get", adapter: local, quantity: "growthMiB", atMost: 32 },
  ...["first page", "middle page", "middle again"].map((measure) => page("L5N", measure)),
  walk("L5N"),
  { caseId: "L5F", measure: "middle again", adapter: local, quantity: "time", atMost: 1 },
  walk("L5F"),
  ...["stat", "stat again"].flatMap((measure) => [
    goal("L6", measure, "raw-fs-safe", 1),
    goal("L6", measure, "unstorage-fs", 1.5),
  ]),
  ...["put", "get"].map((measure) => ({ ...goal("M1", measure, "raw-map", 0.6), adapter: memory })),
];

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
 * All keys by pages of 1,000 take at most three times a raw sorted walk.
 *
 * @param {string} caseId
 * @returns {Goal}
 */
function walk(caseId) {
  return { caseId, measure: "all keys", adapter: local, quantity: "time", of: "raw-fs", atMost: 3 };
}
