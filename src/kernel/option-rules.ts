import { ConfigurationError } from "./configuration-error.js";

type Kind = "string" | "number" | "integer" | "boolean" | "function" | "object" | "array";

/** What the value of an option must be. */
export type OptionKind = Kind | `${Kind}|${Kind}` | "anything";

/** What a constructor or function takes as its options. */
export interface OptionRules<T extends object> {
  /** As code writes it: `new Cache` or `addCache`. */
  readonly call: string;
  /** Every option; the compiler refuses a table that misses one. */
  readonly kinds: Readonly<Record<keyof T, OptionKind>>;
  /** The least and the greatest value of options that are numbers. Every number must be finite, an integer exact. */
  readonly ranges?: { readonly [Name in keyof T]?: readonly [least: number, greatest: number] } | undefined;
  /** Options that must be given. */
  readonly needed?: readonly (keyof T & string)[] | undefined;
  /** What to write instead of options of other libraries. */
  readonly instead?: Readonly<Record<string, string>> | undefined;
}

/**
 * Options that are not known are mistakes, as names that other libraries use: they would be dropped in silence.
 *
 * @throws ConfigurationError that says in one sentence what to write instead.
 */
export function checkGivenOptions<T extends object>(options: unknown, rules: OptionRules<T>): void {
  const message = findOptionProblem(options, rules);
  if (message !== undefined) throw new ConfigurationError([{ name: rules.call, message }]);
}

/** What is wrong with options, as the predicate of a sentence about the call. It shows no value, which may be a secret. */
export function findOptionProblem<T extends object>(
  options: unknown,
  { kinds, ranges = {}, needed = [], instead = {} }: OptionRules<T>,
): string | undefined {
  const known = Object.keys(kinds);
  if (kindOf(options) !== "object") {
    return `takes an object of options like { ${needed[0] ?? known[0]}: ... }, not ${article(kindOf(options))}`;
  }
  const given = Object.entries(options as object).filter(([, value]) => value !== undefined);
  const unknown = given.find(([name]) => !Object.hasOwn(kinds, name))?.[0];
  if (unknown !== undefined) {
    const better = Object.hasOwn(instead, unknown)
      ? `write ${instead[unknown]}`
      : `it takes ${known.join(", ")}`;
    return `has no option '${unknown}'; ${better}`;
  }
  const missing = needed.find((name) => !given.some(([each]) => each === name));
  if (missing !== undefined) return `needs the option '${missing}'; it takes ${known.join(", ")}`;
  return given
    .map(
      ([name, value]) =>
        wrongKind(name, value, kinds[name as keyof T]) ??
        wrongNumber(name, value, kinds[name as keyof T], ranges[name as keyof T]),
    )
    .find((each) => each !== undefined);
}

function wrongKind(name: string, value: unknown, expected: OptionKind): string | undefined {
  if (expected === "anything") return undefined;
  const kinds = expected.replace("integer", "number").split("|");
  const kind = kindOf(value);
  if (kinds.includes(kind)) return undefined;
  return `takes ${kinds.map(article).join(" or ")} as the option '${name}', not ${article(kind)}`;
}

/** NaN would pass every comparison that looks for what is too much. */
function wrongNumber(
  name: string,
  value: unknown,
  expected: OptionKind,
  [least, greatest]: readonly [number, number] = [-Number.MAX_VALUE, Number.MAX_VALUE],
): string | undefined {
  if (expected === "anything" || typeof value !== "number") return undefined;
  if (!Number.isFinite(value)) return `takes a finite number as the option '${name}'`;
  const isWhole = expected === "integer";
  if (value >= least && value <= greatest && (!isWhole || Number.isSafeInteger(value))) return undefined;
  return `takes a ${isWhole ? "whole number" : "number"} from ${least} to ${greatest} as the option '${name}'`;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function article(kind: string): string {
  if (kind === "null" || kind === "undefined") return kind;
  return /^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`;
}
