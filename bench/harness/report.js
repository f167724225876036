/**
 * The tables of one case, for people.
 *
 * @param {import("./contracts.js").Case} benchCase
 * @param {Record<string, import("./summary.js").Row[]>} tables
 * @param {readonly import("./verdicts.js").Verdict[]} verdicts
 */
export function reportOf(benchCase, tables, verdicts) {
  const parts = [`${benchCase.id}  ${benchCase.title}`];
  for (const [name, rows] of Object.entries(tables)) {
    const ratios = Object.keys(rows[0]?.ratios ?? {}).map((limit) => `x ${limit}`);
    const idle = rows[0]?.idleRssMiB === undefined ? [] : ["idle MiB"];
    const head = [name, benchCase.unit, ...ratios, "CPU us/op", "peak MiB", "growth MiB", ...idle, ""];
    parts.push(indent(tableOf([head, ...rows.map(cellsOf)])));
  }
  if (verdicts.length > 0) parts.push(indent(tableOf(verdicts.map(verdictCells))));
  return `\n${parts.join("\n\n")}\n`;
}

/** @param {import("./summary.js").Row} row */
function cellsOf(row) {
  return [
    row.adapter,
    digits(row.value),
    ...Object.values(row.ratios).map((each) => each?.toFixed(2) ?? "-"),
    digits(row.cpuUs),
    digits(row.peakRssMiB),
    digits(row.growthMiB),
    ...(row.idleRssMiB === undefined ? [] : [digits(row.idleRssMiB)]),
    row.fault === undefined ? "" : `wrong: ${row.fault}`,
  ];
}

/** @param {import("./verdicts.js").Verdict} verdict */
function verdictCells({ goal, value, isReached }) {
  return [goal, value?.toFixed(2) ?? "-", verdictWord(isReached)];
}

/** @param {boolean | undefined} isReached */
function verdictWord(isReached) {
  return isReached === undefined ? "not measured" : isReached ? "reached" : "NOT REACHED";
}

/** @typedef {{ id: string, goals?: readonly import("./verdicts.js").Verdict[], fault?: string }} Result */

/**
 * Every goal of a run in one table, and the cases that could not be measured.
 *
 * @param {readonly Result[]} results
 */
export function overviewOf(results) {
  const head = ["case", "measure", "goal", "adapter", "value", "best peer", "verdict"];
  const rows = results.flatMap(({ id, goals = [] }) =>
    goals.map(({ measure, bound, adapter, value, bestPeer, isReached }) => [
      id,
      measure,
      bound,
      adapter,
      value?.toFixed(2) ?? "-",
      bestPeer === undefined ? "-" : `${bestPeer.value.toFixed(2)} ${bestPeer.adapter}`,
      verdictWord(isReached),
    ]),
  );
  const faults = results.flatMap(({ id, fault }) =>
    fault === undefined ? [] : `${id}  not measured: ${fault}`,
  );
  const table = rows.length > 0 ? [tableOf([head, ...rows])] : [];
  return ["", "All goals", ...table, ...faults].map((each) => `${each}\n`).join("\n");
}

/** @param {number} value */
function digits(value) {
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** @param {readonly (readonly string[])[]} rows */
function tableOf(rows) {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column] ?? 0, column))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/**
 * @param {string} cell
 * @param {number} width
 * @param {number} column
 */
function pad(cell, width, column) {
  return column === 0 || !/^[-0-9]|\//.test(cell) ? cell.padEnd(width) : cell.padStart(width);
}

/** @param {string} text */
function indent(text) {
  return text.replaceAll(/^/gm, "  ");
}
