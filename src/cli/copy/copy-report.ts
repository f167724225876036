import type { TransferState } from "../../storage/transfer/transfer-progress.js";

/** What `storage copy` did. */
export interface CopyReport {
  readonly from: string;
  readonly to: string;
  readonly isDryRun: boolean;
  readonly copied: number;
  readonly copiedBytes: number;
  readonly alreadyThere: number;
  readonly alreadyThereBytes: number;
  readonly failed: number;
  /** Objects of the source whose names are no keys. */
  readonly leftOut: number;
  /** The first of those names. */
  readonly leftOutNames: readonly string[];
  /** Whether every object of the source was compared. */
  readonly isComplete: boolean;
  readonly durationMs: number;
  readonly failures: readonly { readonly key: string; readonly code: string; readonly message: string }[];
}

/** Puts what a transfer has done into words that stay. */
export function reportOf(
  { copied, unchanged, failures, leftOut }: TransferState,
  run: Pick<CopyReport, "from" | "to" | "isDryRun" | "isComplete" | "durationMs">,
): CopyReport {
  return {
    ...run,
    copied: copied.objects,
    copiedBytes: copied.bytes,
    alreadyThere: unchanged.objects,
    alreadyThereBytes: unchanged.bytes,
    failed: failures.length,
    leftOut: leftOut.count,
    leftOutNames: leftOut.names,
    failures: failures.map(({ key, error: { code, message } }) => ({ key, code, message })),
  };
}

/** The report for people: a line for each failure, one with the numbers, and one that says what they mean. */
export function describeReport(report: CopyReport): string {
  const { copied, copiedBytes, alreadyThere, alreadyThereBytes, failed, durationMs, isDryRun } = report;
  const did = isDryRun ? "would be copied" : "copied";
  return [
    ...report.failures.map(({ key, code, message }) => `✗ ${key}: ${code}: ${oneLine(message)}`),
    ...report.leftOutNames.map((name) => `✗ ${JSON.stringify(name)}: left out, since this is no key`),
    `${copied} ${did} (${copiedBytes} bytes), ${alreadyThere} already there (${alreadyThereBytes} bytes), ` +
      `${failed} failed, ${report.leftOut} left out, in ${(durationMs / 1000).toFixed(1)} s`,
    verdictOf(report),
  ].join("\n");
}

function verdictOf(report: CopyReport): string {
  const { to, copied, alreadyThere, failed, leftOut, isComplete, isDryRun } = report;
  const again = "run the same command again to go on; what is there is not copied again";
  if (!isComplete) return `✗ The copy is not complete: ${again}.`;
  if (failed > 0) return `✗ ${failed} could not be ${isDryRun ? "compared" : "copied"}: ${again}.`;
  if (leftOut > 0) {
    return `✗ ${leftOut} of the source ${leftOut === 1 ? "is" : "are"} not at ${to}: rename them; keys have only A-Z a-z 0-9 . _ - /.`;
  }
  if (isDryRun) return "✓ Nothing was changed.";
  return `✓ All ${copied + alreadyThere} are at ${to}.`;
}

function oneLine(message: string): string {
  return message.replace(/\s*\n\s*/g, " ");
}
