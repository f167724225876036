/** A line that says how the statements below it run. */
const transactionMark = "-- svc-infra:transaction";
const aloneMark = "-- svc-infra:no-transaction";
/** Marks a step that loses data, which is commented out until a person has decided. */
const lossMark = "-- svc-infra:loses ";

/** Statements that take effect together. */
export interface SqlPart {
  readonly statements: string;
  /** False for what PostgreSQL refuses inside a transaction; that is one statement only. */
  readonly inTransaction: boolean;
}

/** The file of one direction of a migration. */
export interface SqlFile {
  readonly parts: readonly SqlPart[];
  /** Steps without a decision, as in `column users.email`. */
  readonly undecided: readonly string[];
}

/** A step of a generated file. */
export interface SqlStep {
  readonly statement: string;
  /** What is lost with it, as in `column users.email`. */
  readonly loses?: string | undefined;
}

/** Reads a file: parts begin at marks, and a mark of a loss means that a decision is missing. */
export function parseSqlFile(text: string): SqlFile {
  const lines = text.split(/\r?\n/);
  const undecided = lines.flatMap((line) =>
    line.startsWith(lossMark) ? [line.slice(lossMark.length).trim()] : [],
  );
  const parts: { lines: string[]; inTransaction: boolean }[] = [{ lines: [], inTransaction: true }];
  for (const line of lines) {
    const mark = line.trim();
    if (mark === transactionMark || mark === aloneMark) {
      parts.push({ lines: [], inTransaction: mark === transactionMark });
    } else parts.at(-1)?.lines.push(line);
  }
  const written = parts.map((part) => ({ ...part, statements: part.lines.join("\n").trim() }));
  return {
    undecided,
    parts: written
      .filter(hasStatement)
      .map(({ statements, inTransaction }) => ({ statements, inTransaction })),
  };
}

/** Writes a file. A step that loses data is commented out, unless it was decided on. */
export function formatSqlFile(steps: readonly SqlStep[], acceptsLoss: boolean): string {
  const early = steps.filter(addsEnumValue);
  const others = steps.filter((step) => !addsEnumValue(step));
  const blocks = [early, others].map((block) =>
    block.map((step) => formatStep(step, acceptsLoss)).join("\n\n"),
  );
  // A new value of an enumeration can be used when the transaction that added it has ended (ALTER TYPE).
  return `${blocks.filter((block) => block !== "").join(`\n\n${transactionMark}\n\n`)}\n`;
}

function formatStep({ statement, loses }: SqlStep, acceptsLoss: boolean): string {
  if (loses === undefined || acceptsLoss) return statement;
  return `${lossMark}${loses}\n${statement.replaceAll(/^/gm, "-- ")}`;
}

function addsEnumValue({ statement }: SqlStep): boolean {
  return /^ALTER TYPE .* ADD VALUE /.test(statement);
}

function hasStatement({ statements }: { readonly statements: string }): boolean {
  return statements.split("\n").some((line) => line.trim() !== "" && !line.trimStart().startsWith("--"));
}
