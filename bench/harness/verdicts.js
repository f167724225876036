import { goals } from "../goals.js";
import { isLimit, isPeer } from "./roles.js";
import { figureOf, measuresOf, median, ratio } from "./summary.js";

/**
 * @typedef {object} Standing
 * @property {string} goal In words.
 * @property {string} bound What the measure is held to, in words.
 * @property {number | undefined} value
 * @property {{ adapter: string, value: number } | undefined} bestPeer The same figure of the peer that does best, where peers have one.
 * @property {boolean | undefined} isReached Undefined when it could not be measured.
 */

/** A goal, and how the case stands to it. @typedef {import("../goals.js").Goal & Standing} Verdict */

/**
 * How a case stands to its goals.
 *
 * @param {import("./contracts.js").Case} benchCase
 * @param {import("./rounds.js").Rounds} rounds
 * @returns {Verdict[]}
 */
export function verdictsOf(benchCase, rounds) {
  const own = goals.filter(
    ({ caseId, adapter }) => caseId === benchCase.id && rounds[0]?.[adapter] !== undefined,
  );
  return own.map((goal) => {
    const value = valueOfGoal(goal, benchCase, rounds);
    const bound = boundOf(goal);
    return {
      ...goal,
      goal: `${goal.adapter}: ${goal.measure} ${bound}`,
      bound,
      value,
      bestPeer: bestPeerOf(goal, benchCase, rounds),
      isReached: value === undefined ? undefined : holds(goal, value),
    };
  });
}

/**
 * @param {import("../goals.js").Goal} goal
 * @param {import("./contracts.js").Case} benchCase
 * @param {import("./rounds.js").Rounds} rounds
 */
function bestPeerOf(goal, benchCase, rounds) {
  if (goal.of !== undefined && !isLimit(goal.of)) return undefined;
  const sense = goal.atLeast === undefined ? 1 : -1;
  const [best] = benchCase.adapters
    .filter((name) => isPeer(name) && rounds[0]?.[name]?.[goal.measure] !== undefined)
    .map((adapter) => ({ adapter, value: valueOfGoal({ ...goal, adapter }, benchCase, rounds) }))
    .filter((each) => each.value !== undefined)
    .sort((a, b) => sense * (Number(a.value) - Number(b.value)));
  return best && { adapter: best.adapter, value: Number(best.value) };
}

/**
 * @param {import("../goals.js").Goal} goal
 * @param {import("./contracts.js").Case} benchCase
 * @param {import("./rounds.js").Rounds} rounds
 */
function valueOfGoal(goal, { unit }, rounds) {
  const { adapter, measure, of, ofMeasure = measure, quantity } = goal;
  const figure = (/** @type {import("./measure.js").Measure} */ each) =>
    quantity === "speed" || quantity === "time" ? figureOf(each, unit) : (each[quantity] ?? Number.NaN);
  if (of !== undefined)
    return ratio(rounds, { adapter, measure }, { adapter: of, measure: ofMeasure }, figure);
  const measures = measuresOf(rounds, adapter, measure);
  return measures.some(({ fault }) => fault) ? undefined : median(measures.map(figure));
}

/**
 * @param {import("../goals.js").Goal} goal
 * @param {number} value
 */
function holds({ atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY }, value) {
  return value >= atLeast && value <= atMost;
}

/** @param {import("../goals.js").Goal} goal */
function boundOf({ quantity, of, ofMeasure, atLeast, atMost }) {
  const bound = atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`;
  const unit = {
    speed: "",
    time: of === undefined ? " ms" : "",
    growthMiB: " MiB more memory",
    peakRssMiB: " MiB of memory",
    idleRssMiB: " MiB of memory before the first request",
    cpuUs: "",
  }[quantity];
  const other = of === undefined ? "" : ` x ${of}${ofMeasure === undefined ? "" : ` (${ofMeasure})`}`;
  const isTime = quantity === "time" && of !== undefined;
  const sense = isTime ? " in time" : quantity === "cpuUs" ? " in CPU" : "";
  return `${bound}${unit}${other}${sense}`;
}
