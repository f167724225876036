import { isLimit } from "./roles.js";

/** @typedef {import("./measure.js").Measure} Measure */

/**
 * @typedef {object} Row The medians of one adapter in one measure.
 * @property {string} adapter
 * @property {number} value In the unit of the case.
 * @property {Record<string, number | undefined>} ratios Against each limit of the case, in the unit's own sense: rates by rates, times by times.
 * @property {number} cpuUs
 * @property {number} peakRssMiB
 * @property {number} growthMiB
 * @property {number | undefined} idleRssMiB Only of servers.
 * @property {string | undefined} fault
 */

/**
 * Medians over rounds, for each measure and adapter.
 *
 * @param {import("./contracts.js").Case} benchCase
 * @param {import("./rounds.js").Rounds} rounds
 * @returns {Record<string, Row[]>}
 */
export function summarise(benchCase, rounds) {
  const [limit = ""] = benchCase.adapters;
  const limits = benchCase.adapters.filter((name) => isLimit(name) && rounds[0]?.[name] !== undefined);
  /** @type {Record<string, Row[]>} */
  const tables = {};
  for (const name of Object.keys(rounds[0]?.[limit] ?? {})) {
    tables[name] = benchCase.adapters
      .filter((adapter) => rounds[0]?.[adapter]?.[name] !== undefined)
      .map((adapter) => rowOf(benchCase, rounds, adapter, name, limits));
  }
  return tables;
}

/**
 * @param {import("./contracts.js").Case} benchCase
 * @param {import("./rounds.js").Rounds} rounds
 * @param {string} adapter
 * @param {string} name
 * @param {readonly string[]} limits
 * @returns {Row}
 */
function rowOf({ unit }, rounds, adapter, name, limits) {
  const figure = (/** @type {Measure} */ each) => figureOf(each, unit);
  const measures = measuresOf(rounds, adapter, name);
  return {
    adapter,
    value: median(measures.map(figure)),
    ratios: Object.fromEntries(
      limits.map((limit) => [
        limit,
        ratio(rounds, { adapter, measure: name }, { adapter: limit, measure: name }, figure),
      ]),
    ),
    cpuUs: median(measures.map(({ cpuUs }) => cpuUs)),
    peakRssMiB: median(measures.map(({ peakRssMiB }) => peakRssMiB)),
    growthMiB: median(measures.map(({ growthMiB }) => growthMiB)),
    idleRssMiB: measures[0]?.idleRssMiB && median(measures.map(({ idleRssMiB = Number.NaN }) => idleRssMiB)),
    fault: measures.find(({ fault }) => fault !== undefined)?.fault,
  };
}

/**
 * @param {Measure} measure
 * @param {"ops/s" | "MB/s" | "ms"} unit
 */
export function figureOf(measure, unit) {
  if (unit === "ms") return measure.ms / measure.operations;
  if (unit === "MB/s") return (measure.bytes ?? 0) / 1e3 / measure.ms;
  return (measure.operations * 1000) / measure.ms;
}

/** @typedef {{ adapter: string, measure: string }} Place */

/**
 * The median of the ratios of the rounds; undefined when either side is missing or wrong.
 *
 * @param {import("./rounds.js").Rounds} rounds
 * @param {Place} above
 * @param {Place} below
 * @param {(measure: Measure) => number} value
 */
export function ratio(rounds, above, below, value) {
  const ratios = rounds.map((round) => {
    const [top, bottom] = [round[above.adapter]?.[above.measure], round[below.adapter]?.[below.measure]];
    const isSound = top !== undefined && bottom !== undefined && !top.fault && !bottom.fault;
    return isSound ? value(top) / value(bottom) : Number.NaN;
  });
  return ratios.some(Number.isNaN) ? undefined : median(ratios);
}

/**
 * @param {import("./rounds.js").Rounds} rounds
 * @param {string} adapter
 * @param {string} name
 * @returns {Measure[]}
 */
export function measuresOf(rounds, adapter, name) {
  return rounds.flatMap((round) => round[adapter]?.[name] ?? []);
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
