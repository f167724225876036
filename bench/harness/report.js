/**
 * The tables of one case, for people.
 *
 * @param {import("./contracts.js").Case} benchCase
 * @param {Record<string, import("./summary.js").Row[]>} tables
 * @param {readonly import("./verdicts.js").Verdict[]} verdicts
 */
export function reportOf(benchCase, tables, verdicts) {
  const [limit = ""] = benchCase.adapters;
  const parts = [`${benchCase.id}  ${benchCase.title}`];
  for (const [name, rows] of Object.entries(tables)) {
    const head = [name, benchCase.unit, `x ${limit}`, "CPU us/op", "peak MiB", "growth MiB", ""];
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
    row.xLimit === undefined ? "-" : row.xLimit.toFixed(2),
    digits(row.cpuUs),
    digits(row.peakRssMiB),
    digits(row.growthMiB),
    row.fault === undefined ? "" : `wrong: ${row.fault}`,
  ];
}

/** @param {import("./verdicts.js").Verdict} verdict */
function verdictCells({ goal, value, isReached }) {
  const word = isReached === undefined ? "not measured" : isReached ? "reached" : "NOT REACHED";
  return [goal, value === undefined ? "-" : value.toFixed(2), word];
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
