import { z } from "zod";
import { Secret } from "./secret.js";

/** What is known of one setting. */
export interface VariableSpec<T> {
  /** Its name in the environment, in capitals. */
  readonly name: string;
  /** Other names, tried in this order when `name` is not set. */
  readonly aliases?: readonly string[];
  /** Reads the text of the environment as well as the value an option may have. */
  readonly type: z.ZodType<T>;
  /** What a good value looks like, for the error and the documentation: "a whole number above 0". */
  readonly expected: string;
  /** What it is for, in one line of documentation. */
  readonly help: string;
  /** Whether its value must not be shown; it can then also come from the file that `NAME_FILE` names. */
  readonly secret?: boolean;
  /** What holds when nothing is set. */
  readonly default?: NoInfer<T>;
  /** The default in words, where it is worked out later. */
  readonly defaultText?: string;
}

/** One typed setting; made by {@link variable}. */
export interface Variable<T> extends Omit<VariableSpec<Exclude<T, undefined>>, "default"> {
  readonly default?: Exclude<T, undefined>;
  /** Only for the type checker: the type of the value. */
  readonly value?: T;
}

/** The settings of one feature: option name to variable. */
export type SettingsSchema = Readonly<Record<string, Variable<unknown>>>;

/** The values that {@link SettingsSchema} describes. */
export type SettingsOf<S extends SettingsSchema> = {
  readonly [Name in keyof S]: S[Name] extends Variable<infer T> ? T : never;
};

/** What may be given instead of a value: secrets also as plain text. */
export type OptionOf<T> = T extends Secret
  ? Secret | string
  : T extends readonly Secret[]
    ? string | readonly (Secret | string)[]
    : T;

/** Settings given in code; each one beats the environment. */
export type SettingOptions<S extends SettingsSchema> = {
  readonly [Name in keyof S]?: OptionOf<SettingsOf<S>[Name]> | undefined;
};

/** Describes a setting; without a default its value may be `undefined`. */
export function variable<T>(spec: VariableSpec<T> & { readonly default: NoInfer<T> }): Variable<T>;
export function variable<T>(spec: VariableSpec<T>): Variable<T | undefined>;
export function variable<T>(spec: VariableSpec<T>): VariableSpec<T> {
  return Object.freeze(spec);
}

/** Any text. */
export const text: z.ZodType<string> = z.string().min(1);

/** One of some words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(
  words: Words,
): z.ZodType<Words[number]> {
  return z.enum(words);
}

/** A whole number between two limits, in decimal digits; `1e3`, `0x10` and ` 5` are refused. */
export function wholeNumber(
  limits: { readonly min?: number; readonly max?: number } = {},
): z.ZodType<number> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = limits;
  const digits = z.string().regex(/^[0-9]{1,16}$/);
  return z.union([z.number(), digits.transform(Number)]).pipe(z.int().min(min).max(max));
}

/** A switch: `true`, `false`, and the words `1 0 yes no on off` in any case. */
export const flag: z.ZodType<boolean> = z.union([
  z.boolean(),
  z.stringbool({ truthy: ["true", "1", "yes", "on"], falsy: ["false", "0", "no", "off"] }),
]);

/** An http or https URL without a query or fragment, spelled as WHATWG URL has it; a trailing slash is dropped. */
export const httpUrl: z.ZodType<string> = z
  .url({ protocol: /^https?$/ })
  .refine((url) => !/[?#]/.test(url))
  .transform((url) => new URL(url).href.replace(/\/+$/, ""));

/** One secret of at least `minLength` characters. */
export function secretText(minLength = 1): z.ZodType<Secret, Secret | string> {
  return z.union([
    z.instanceof(Secret).refine((secret) => secret.reveal().length >= minLength),
    z
      .string()
      .min(minLength)
      .transform((value) => new Secret(value)),
  ]);
}

/** Secrets separated by commas or white space, or an array, of at least `minLength` characters each. */
export function secretList(minLength = 1): z.ZodType<readonly Secret[]> {
  const split = z.string().transform((value) => value.split(/[\s,]+/).filter((each) => each !== ""));
  return z
    .union([z.array(z.union([z.string(), z.instanceof(Secret)])), split])
    .pipe(z.array(secretText(minLength)).min(1))
    .transform((secrets) => Object.freeze(secrets));
}
