import type { Command } from "commander";
import { readEnvironment } from "../../kernel/index.js";
import { easyStorage } from "../../storage/easy-storage.js";
import type { SweepReport } from "../../storage/index.js";
import { localFallback } from "../local-fallback.js";

interface Options {
  readonly dryRun?: true;
  readonly json?: true;
}

/** Adds `storage sweep`: removes what abandoned uploads left. */
export function registerStorageSweep(storage: Command): void {
  storage
    .command("sweep")
    .description("Remove what abandoned uploads left in the configured storage.")
    .option("--dry-run", "only tell what would be removed")
    .option("--json", "print the report as JSON")
    .addHelpText(
      "after",
      `
Removes content that was sent and never completed, parts that the provider still keeps, and temporary files of dead
processes. Uploads whose time is not over are left alone. A running service does the same every hour.

Examples:
  $ svc-infra storage sweep --dry-run
  $ STORAGE_S3_BUCKET=my-uploads svc-infra storage sweep --json`,
    )
    .action(sweep);
}

async function sweep({ dryRun, json }: Options): Promise<void> {
  const storage = await easyStorage({}, readEnvironment(), localFallback);
  try {
    const report = await storage.sweep({ dryRun });
    process.stdout.write(`${json ? JSON.stringify(report, undefined, 2) : describe(report)}\n`);
  } finally {
    await storage.close();
  }
}

function describe({ staged, uploads, alive, isDryRun }: SweepReport): string {
  const verb = isDryRun ? "would be removed" : "removed";
  return `${staged} staged objects and ${uploads} uploads in parts ${verb}; ${alive} staged objects are of uploads under way`;
}
