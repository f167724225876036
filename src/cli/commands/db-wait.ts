import { setTimeout as sleep } from "node:timers/promises";
import { type Command, InvalidArgumentError } from "commander";
import type { Environment } from "../../kernel/index.js";
import { easySqlDb, MigrationError, type SqlDb } from "../../sql/index.js";
import { dbCommand, jsonOption, say, sayJson } from "../db-command.js";

const pauseMs = 250;

interface WaitOptions {
  readonly timeout: number;
  readonly json?: true;
}

/** Adds `db wait`: for scripts that start before the database does. */
export function registerDbWait(db: Command): void {
  db.command("wait")
    .description("Wait until the database answers.")
    .option("--timeout <seconds>", "how long to wait before it ends with 1", readSeconds, 60)
    .option(...jsonOption)
    .addHelpText(
      "after",
      `
It asks four times a second until an answer comes. The database is the one of SQL_URL, with the name and the password.

Examples:
  $ svc-infra db wait && svc-infra db migrate
  $ svc-infra db wait --timeout 10 --json

Exit codes: 0 it answers; 1 it did not within --timeout, with the last reason.`,
    )
    .action(dbCommand(wait));
}

async function wait(env: Environment, { timeout, json }: WaitOptions): Promise<void> {
  const sql = await easySqlDb({}, { env });
  const beganAt = performance.now();
  try {
    await answer(sql, timeout);
    const waitedMs = Math.round(performance.now() - beganAt);
    if (json) sayJson({ database: sql.address, waitedMs });
    else say(`The database ${sql.address} answers.`);
  } finally {
    await sql.close();
  }
}

async function answer(sql: SqlDb, timeoutSeconds: number): Promise<void> {
  const deadline = performance.now() + timeoutSeconds * 1000;
  for (;;) {
    const failure = await sql.ping().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined) return;
    if (performance.now() + pauseMs > deadline) {
      const reason =
        failure instanceof Error ? failure.message || String(Object(failure).code) : String(failure);
      throw new MigrationError(
        `the database ${sql.address} did not answer within ${timeoutSeconds} s: ${reason}`,
      );
    }
    await sleep(pauseMs);
  }
}

function readSeconds(value: string): number {
  if (/^[0-9]{1,6}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("Expected a whole number of seconds.");
}
