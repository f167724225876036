import type { Command } from "commander";
import {
  reportVariables,
  type UnknownVariable,
  type VariableReport,
  type VariableState,
} from "../variable-report.js";

interface EnvOptions {
  readonly json?: boolean;
  readonly all?: boolean;
}

/** Adds `env`: which variables there are, and what each of them is here. */
export function registerEnv(program: Command): void {
  program
    .command("env")
    .description(
      "Show each variable: whether it is set, where, and what is wrong with it. Secrets are masked.",
    )
    .option("--all", "show also those that are not set")
    .option("--json", "print one JSON object, with all variables")
    .addHelpText(
      "after",
      `
Examples:
  $ svc-infra env                  what is set, in the environment or in .env
  $ svc-infra env --all            every variable that anything reads
  $ svc-infra env --json | jq '.variables[] | select(.problem)'

A name that nothing reads is shown with the one that was most likely meant.

Exit codes: 0 every value can be used; 1 a value cannot be used.`,
    )
    .action((options: EnvOptions) => {
      const report = reportVariables();
      process.stdout.write(
        `${options.json === true ? JSON.stringify(report, null, 2) : describe(report, options)}\n`,
      );
      if (report.variables.some(({ problem }) => problem !== undefined)) process.exitCode = 1;
    });
}

function describe({ variables, unknown }: VariableReport, { all }: EnvOptions): string {
  const shown = variables.filter(
    ({ source }) => all === true || source === "environment" || source === ".env",
  );
  const groups = [...new Set(shown.map(({ of }) => of))];
  const width = Math.max(0, ...shown.map(({ name }) => name.length));
  const lines = groups.flatMap((group) => [
    group,
    ...shown.filter(({ of }) => of === group).flatMap((state) => describeState(state, width)),
  ]);
  const nothing =
    shown.length === 0 ? ["No variable is set: defaults hold. `svc-infra env --all` shows them."] : [];
  return [...nothing, ...lines, ...describeUnknown(unknown)].join("\n");
}

function describeState(
  { name, value = "", source, problem }: VariableState,
  width: number,
): readonly string[] {
  const mark = problem === undefined ? " " : "✗";
  return [
    `${mark} ${name.padEnd(width)}  ${value === "" ? "" : `${value}  `}(${source})`,
    ...(problem === undefined ? [] : [`    ${problem}`]),
  ];
}

function describeUnknown(unknown: readonly UnknownVariable[]): readonly string[] {
  if (unknown.length === 0) return [];
  return [
    "read by nothing here",
    ...unknown.map(({ name, source, nearest }) => {
      return `? ${name}  (${source})${nearest === undefined ? "" : `  did you mean ${nearest}?`}`;
    }),
  ];
}
