import type { Command } from "commander";
import { readEnvironment } from "../../kernel/index.js";
import { examine } from "../doctor/examine.js";
import type { Finding } from "../doctor/finding.js";

/** Adds `doctor`: looks for what keeps the service from running here, and says how to cure it. */
export function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .description(
      "Look at runtime, packages, settings, folders, port, clock and connections; tell a cure for each finding.",
    )
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  $ svc-infra doctor                      everything that a service needs here
  $ svc-infra doctor --json | jq '.findings[] | select(.status != "ok")'

It reads the environment and .env as the service does, and connects to what they name. It migrates nothing, handles no
jobs, sets no schedules and changes no data. The folder of an embedded database or of a storage, and the schema in which
PostgreSQL keeps jobs, are made when they are not there.

Exit codes: 0 the service can run; 1 at least one problem was found. Warnings change nothing.`,
    )
    .action(async ({ json }: { readonly json?: boolean }) => {
      const findings = await examine(readEnvironment());
      const problems = findings.filter(({ status }) => status === "problem").length;
      process.stdout.write(
        `${json === true ? JSON.stringify({ problems, findings }, null, 2) : describe(findings)}\n`,
      );
      if (problems > 0) process.exitCode = 1;
    });
}

const marks = { ok: "✓", warning: "!", problem: "✗" };

function describe(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ area }) => area.length));
  return findings
    .flatMap(({ area, status, message, cure }) => [
      `${marks[status]} ${area.padEnd(width)}  ${message}`,
      ...(cure === undefined ? [] : [`  ${" ".repeat(width)}  → ${cure}`]),
    ])
    .join("\n");
}
