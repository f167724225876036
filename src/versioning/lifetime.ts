import { ConfigurationError, type ConfigurationProblem } from "../kernel/index.js";

/** How long a version lives. */
export interface VersionLifetime {
  /** Since when, or from when on, it should not be used any more: a date, or `true` for since ever. */
  readonly deprecated?: Date | string | boolean | undefined;
  /** When it ends: from then on every answer is 410. */
  readonly sunset?: Date | string | undefined;
  /** Path or URL of the version to use instead. */
  readonly successor?: string | undefined;
}

/** {@link VersionLifetime} with its dates read. */
export interface Lifetime {
  readonly deprecated: Date | undefined;
  readonly sunset: Date | undefined;
  readonly successor: string | undefined;
}

/**
 * Reads the dates.
 *
 * @throws ConfigurationError for an invalid date, a successor that no header can name, or when the version would end before it is deprecated.
 */
export function readLifetime(version: string, { deprecated, sunset, successor }: VersionLifetime): Lifetime {
  const problems: ConfigurationProblem[] = [];
  const read = (option: string, given: Date | string | boolean | undefined) => {
    const date = dateOf(given);
    if (Number.isNaN(date?.getTime())) problems.push(notADate(version, option, given));
    return date;
  };
  const lifetime = { deprecated: read("deprecated", deprecated), sunset: read("sunset", sunset), successor };
  if (isAfter(lifetime.deprecated, lifetime.sunset)) {
    // RFC 9745 §4: the sunset must not be before the deprecation.
    problems.push({ name: `version ${version}`, message: "sunset is before deprecated" });
  }
  if (successor !== undefined && !isTarget(successor)) {
    const message = `successor is no path or URL: expected one like /v2, percent-encoded, not ${JSON.stringify(successor)}`;
    problems.push({ name: `version ${version}`, message });
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  return lifetime;
}

function dateOf(given: Date | string | boolean | undefined): Date | undefined {
  if (given === undefined || given === false) return undefined;
  if (typeof given === "string" && !isDay(given.slice(0, 10))) return new Date(Number.NaN);
  return new Date(given === true ? 0 : given);
}

/** `Date` takes 31 February for 3 March. */
function isDay(text: string): boolean {
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

/** What may stand between the angle brackets of a `Link` (RFC 3986). */
function isTarget(text: string): boolean {
  return /^(?:\/|https?:\/\/)[\w\-.~:/?#[\]@!$&'()*+,;=%]*$/.test(text);
}

function isAfter(one: Date | undefined, other: Date | undefined): boolean {
  return one !== undefined && other !== undefined && one.getTime() > other.getTime();
}

function notADate(version: string, option: string, given: unknown): ConfigurationProblem {
  const message = `${option} is no date: expected one like 2027-01-31, not ${JSON.stringify(given)}`;
  return { name: `version ${version}`, message };
}

/** The headers that tell of its dates: `Deprecation` (RFC 9745), `Sunset` (RFC 8594). */
export function lifetimeHeaders({ deprecated, sunset }: Lifetime): Readonly<Record<string, string>> {
  return {
    ...(deprecated === undefined ? {} : { deprecation: `@${Math.floor(deprecated.getTime() / 1000)}` }),
    ...(sunset === undefined ? {} : { sunset: sunset.toUTCString() }),
  };
}
