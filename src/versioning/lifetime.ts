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
 * @throws ConfigurationError for an invalid date, or when the version would end before it is deprecated.
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
  if (problems.length > 0) throw new ConfigurationError(problems);
  return lifetime;
}

function dateOf(given: Date | string | boolean | undefined): Date | undefined {
  if (given === undefined || given === false) return undefined;
  return new Date(given === true ? 0 : given);
}

function isAfter(one: Date | undefined, other: Date | undefined): boolean {
  return one !== undefined && other !== undefined && one.getTime() > other.getTime();
}

function notADate(version: string, option: string, given: unknown): ConfigurationProblem {
  const message = `${option} is no date: expected one like 2027-01-31, not ${JSON.stringify(given)}`;
  return { name: `version ${version}`, message };
}

/** The headers that tell of it: `Deprecation` (RFC 9745), `Sunset` (RFC 8594), `Link` with `successor-version` (RFC 5829). */
export function lifetimeHeaders({
  deprecated,
  sunset,
  successor,
}: Lifetime): Readonly<Record<string, string>> {
  return {
    ...(deprecated === undefined ? {} : { deprecation: `@${Math.floor(deprecated.getTime() / 1000)}` }),
    ...(sunset === undefined ? {} : { sunset: sunset.toUTCString() }),
    ...(successor === undefined ? {} : { link: `<${successor}>; rel="successor-version"` }),
  };
}
