import type { SqlConnection } from "../sql-db.js";
import type { MigrationHistory } from "./history.js";
import { MigrationError } from "./migration-error.js";
import type { SqlPart } from "./sql-file.js";

/** What to do about a statement that was interrupted outside a transaction: run it `again`, or count it as `done`. */
export type InterruptedStep = "again" | "done";

interface PartsRun {
  readonly connection: SqlConnection;
  readonly history: MigrationHistory;
  readonly name: string;
  /** The counter of the history; it also tells the direction. */
  readonly counter: "done" | "undone";
  readonly parts: readonly SqlPart[];
  /** The first part that is left. */
  readonly from: number;
}

/** Runs what is left of the parts, each with its mark in the history, so that the next run continues where this one ended. */
export async function runParts(run: PartsRun): Promise<void> {
  for (const [index, part] of run.parts.entries()) {
    if (index < run.from) continue;
    if (part.inTransaction) await runTogether(run, part, index);
    else await runAlone(run, part, index);
  }
}

async function runTogether({ connection, history, name, counter }: PartsRun, part: SqlPart, index: number) {
  await connection.run("begin");
  try {
    await connection.run(part.statements);
    await history.set(name, counter, index + 1);
    await connection.run("commit");
  } catch (cause) {
    await connection.run("rollback").catch(() => undefined);
    throw new MigrationError(
      `migration ${name} failed, and nothing of this step was done: ${reasonOf(cause)}`,
      { cause },
    );
  }
}

async function runAlone({ connection, history, name, counter }: PartsRun, part: SqlPart, index: number) {
  await history.setRunning(name, index);
  try {
    await connection.run(part.statements);
  } catch (cause) {
    throw new MigrationError(`${adviceOn(name, part, counter)}\nIt failed: ${reasonOf(cause)}`, { cause });
  }
  await history.set(name, counter, index + 1);
}

/** What a person must check before the migrations can continue. */
export function adviceOn(name: string, part: SqlPart | undefined, counter: "done" | "undone"): string {
  const command = counter === "done" ? "migrate" : "rollback";
  return `migration ${name} was interrupted in a statement outside a transaction:
${part?.statements ?? ""}
Look whether it took effect. Then run 'svc-infra db ${command} --interrupted again' to run it once more (an index that was
built concurrently and is invalid must be dropped first), or '--interrupted done' to continue with the next statement.`;
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
