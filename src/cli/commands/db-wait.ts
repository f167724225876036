import { setTimeout as sleep } from "node:timers/promises";
import { type Command, InvalidArgumentError } from "commander";
import type { Environment } from "../../kernel/index.js";
import { easySqlDb, MigrationError } from "../../sql/index.js";
import { dbCommand, say } from "../db-command.js";

const pauseMs = 250;

interface WaitOptions {
  readonly timeout: number;
}

/** Adds `db wait`: for scripts that start before the database does. */
export function registerDbWait(db: Command): void {
  db.command("wait")
    .description("Wait until the database answers.")
    .option("--timeout <seconds>", "how long to wait before it ends with 1", readSeconds, 60)
    .action(dbCommand(wait));
}

async function wait(env: Environment, { timeout }: WaitOptions): Promise<void> {
  const sql = await easySqlDb({}, { env });
  const deadline = performance.now() + timeout * 1000;
  try {
    for (;;) {
      const failure = await sql.ping().then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure === undefined) return say(`The database ${sql.address} answers.`);
      if (performance.now() + pauseMs > deadline) {
        const reason =
          failure instanceof Error ? failure.message || String(Object(failure).code) : String(failure);
        throw new MigrationError(`the database ${sql.address} did not answer within ${timeout} s: ${reason}`);
      }
      await sleep(pauseMs);
    }
  } finally {
    await sql.close();
  }
}

function readSeconds(value: string): number {
  if (/^[0-9]{1,6}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("Expected a whole number of seconds.");
}
