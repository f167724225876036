#!/usr/bin/env node
import { JobError } from "../jobs/job-error.js";
import { ConfigurationError } from "../kernel/index.js";
import { StorageError } from "../storage/contract/error.js";
import { watchOutputReader } from "./output-reader.js";
import { createProgram, usageCode } from "./program.js";

watchOutputReader();

try {
  const program = await createProgram(process.argv[2]);
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(isWrongUsage(error) ? usageCode : 1);
}

/** Whether only the command line is at fault, and no variable: its options, its `<arguments>`, keys and what goes with them. */
function isWrongUsage(error: unknown): boolean {
  if (error instanceof StorageError) return ["invalid_key", "invalid_argument"].includes(error.code);
  return error instanceof ConfigurationError && error.problems.every(({ name }) => /^(?:--|<)/.test(name));
}

/** Errors that a person can act on; only an unknown one comes with its stack. */
function explain(error: unknown): string {
  if (error instanceof ConfigurationError)
    return `The service is not set up correctly:\n${listProblems(error)}`;
  if (error instanceof JobError || isOfSystem(error)) return error.message;
  if (!(error instanceof StorageError)) return error instanceof Error ? String(error.stack) : String(error);
  return `${error.message}${reasonOf(error)}`;
}

/** The system's own word has a code and the call: a file that cannot be opened, a port that is taken. */
function isOfSystem(error: unknown): error is Error {
  return error instanceof Error && "code" in error && "syscall" in error;
}

function listProblems({ problems }: ConfigurationError): string {
  return problems.map(({ name, message }) => `  ${name}: ${message}`).join("\n");
}

/** The innermost cause, which is the system's or the provider's own word. */
function reasonOf({ message, cause }: Error): string {
  if (!(cause instanceof Error)) return "";
  if (cause.cause instanceof Error) return reasonOf(cause);
  return cause.message === message ? "" : `\n  because: ${cause.message}`;
}
