import { goals } from "../goals.js";
import { figureOf, measuresOf, median, ratio } from "./summary.js";

/**
 * @typedef {object} Verdict
 * @property {string} goal In words.
 * @property {number | undefined} value
 * @property {boolean | undefined} isReached Undefined when it could not be measured.
 */

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
    return { goal: wordsOf(goal), value, isReached: value === undefined ? undefined : holds(goal, value) };
  });
}

/**
 * @param {import("../goals.js").Goal} goal
 * @param {import("./contracts.js").Case} benchCase
 * @param {import("./rounds.js").Rounds} rounds
 */
function valueOfGoal(goal, { unit }, rounds) {
  const { adapter, measure, of, ofMeasure = measure, quantity } = goal;
  const figure = (/** @type {import("./measure.js").Measure} */ each) =>
    quantity === "speed" || quantity === "time" ? figureOf(each, unit) : each[quantity];
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
function wordsOf({ measure, quantity, of, ofMeasure, atLeast, atMost }) {
  const bound = atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`;
  const unit = {
    speed: "",
    time: of === undefined ? " ms" : "",
    growthMiB: " MiB more memory",
    peakRssMiB: " MiB of memory",
    cpuUs: "",
  }[quantity];
  const other = of === undefined ? "" : ` x ${of}${ofMeasure === undefined ? "" : ` (${ofMeasure})`}`;
  const isTime = quantity === "time" && of !== undefined;
  const sense = isTime ? " in time" : quantity === "cpuUs" ? " in CPU" : "";
  return `${measure} ${bound}${unit}${other}${sense}`;
}
