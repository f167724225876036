import { StorageConfigurationError } from "./error.js";

/** What the constructor of a backend takes. */
export interface ConstructorRules {
  /** The class. */
  readonly name: string;
  readonly known: readonly string[];
  /** The option that says where objects are, where it must be given. */
  readonly place?: string | undefined;
  /** What to write instead of options of other libraries. */
  readonly instead?: Readonly<Record<string, string>> | undefined;
}

/**
 * Options that a constructor does not know are mistakes, as the names that other libraries use: they would be dropped in
 * silence.
 *
 * @throws StorageConfigurationError that says what to write instead.
 */
export function checkConstructor(
  options: unknown,
  { name, known, place, instead = {} }: ConstructorRules,
): void {
  if (typeof options !== "object" || options === null) {
    throw wrong(`new ${name} takes an object of options: new ${name}({ ${place ?? known[0]}: ... })`);
  }
  for (const option in options) {
    if (known.includes(option)) continue;
    const better = Object.hasOwn(instead, option)
      ? `write ${instead[option]}`
      : `it takes ${known.join(", ")}`;
    throw wrong(`new ${name} has no option '${option}'; ${better}`);
  }
  const value: unknown = place === undefined ? "" : Reflect.get(options, place);
  if (typeof value !== "string") {
    throw wrong(
      `new ${name} needs the option '${place}', which is ${value}; easyStorage reads it from the environment`,
    );
  }
}

function wrong(message: string): StorageConfigurationError {
  return new StorageConfigurationError({ message });
}
