import { findOptionProblem, type OptionRules } from "../../kernel/index.js";
import { StorageConfigurationError } from "./error.js";

export type { OptionRules };

/** What a layer does for any backend, and no backend by an option of its own. */
const instead = { publicUrl: "storage.with(publicFiles({ url }))" };

/**
 * Options that a constructor or function of the storage does not know are mistakes, as the names that other libraries use.
 *
 * @throws StorageConfigurationError that says in one sentence what to write instead.
 */
export function checkStorageOptions<T extends object>(options: unknown, rules: OptionRules<T>): void {
  const problem = findOptionProblem(options, { ...rules, instead: { ...instead, ...rules.instead } });
  if (problem !== undefined) throw new StorageConfigurationError({ message: `${rules.call} ${problem}` });
}

/**
 * The same for an object of the caller's own making: it is known by its methods, and may have more of them.
 *
 * @throws StorageConfigurationError with the message.
 */
export function checkMethods(given: unknown, methods: readonly string[], message: string): void {
  if (methods.every((name) => typeof Object(given)[name] === "function")) return;
  throw new StorageConfigurationError({ message });
}
