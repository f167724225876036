import { InvalidArgumentError } from "./error.js";

/** How content fills the box of `width` and `height`; the words are those of CSS `object-fit`, and `inside`. */
export const transformFits = ["cover", "contain", "fill", "inside"] as const;
/** Formats that a transformed file can have. */
export const transformFormats = ["auto", "avif", "gif", "jpeg", "mp4", "png", "webm", "webp"] as const;

export type TransformFit = (typeof transformFits)[number];
export type TransformFormat = (typeof transformFormats)[number];

/** What the provider makes of an image or a video before it sends it; the stored object stays as it is. */
export interface Transform {
  /** Pixels, 1 to 10,000. */
  readonly width?: number | undefined;
  /** Pixels, 1 to 10,000. */
  readonly height?: number | undefined;
  /**
   * `cover` fills the box and cuts off what is over, `contain` fits into it and pads, `fill` distorts, `inside`
   * (the default) fits into it and never enlarges. The first two need both sides.
   */
  readonly fit?: TransformFit | undefined;
  /** `auto` is the best one that the reader's browser takes. */
  readonly format?: TransformFormat | undefined;
  /** 1 to 100, or `auto`: as low as the eye does not see it. */
  readonly quality?: number | "auto" | undefined;
}

const maxSidePixels = 10_000;

type Check = (value: unknown) => boolean;

const checks: { readonly [Name in keyof Transform]-?: readonly [isSound: Check, expected: string] } = {
  width: [isWhole(maxSidePixels), `a whole number from 1 to ${maxSidePixels}`],
  height: [isWhole(maxSidePixels), `a whole number from 1 to ${maxSidePixels}`],
  fit: [isOneOf(transformFits), transformFits.join(", ")],
  format: [isOneOf(transformFormats), transformFormats.join(", ")],
  quality: [(value) => value === "auto" || isWhole(100)(value), "auto, or a whole number from 1 to 100"],
};

/**
 * A transform without what is `undefined`; nothing that was asked for is ignored.
 *
 * @throws InvalidArgumentError for a wrong value, an unknown one, or a fit without its box.
 */
export function parseTransform(raw: unknown): Transform {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) throw refusal("must be an object");
  const given = Object.entries(raw).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) checkValue(name, value);
  const transform: Transform = Object.fromEntries(given);
  checkBox(transform);
  return transform;
}

function checkValue(name: string, value: unknown): void {
  if (!isKnown(name)) throw refusal(`knows ${Object.keys(checks).join(", ")}`);
  const [isSound, expected] = checks[name];
  if (!isSound(value)) throw refusal(`needs another ${name}: ${expected}`);
}

function checkBox({ width, height, fit }: Transform): void {
  if (fit === undefined) return;
  const sides = [width, height].filter((side) => side !== undefined).length;
  const needed = fit === "cover" || fit === "contain" ? 2 : 1;
  if (sides < needed) throw refusal(`with fit ${fit} needs ${needed === 2 ? "width and height" : "a side"}`);
}

function isKnown(name: string): name is keyof Transform {
  return Object.hasOwn(checks, name);
}

function isWhole(max: number): Check {
  return (value) => typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= max;
}

function isOneOf(values: readonly string[]): Check {
  return (value) => typeof value === "string" && values.includes(value);
}

function refusal(rule: string): InvalidArgumentError {
  return new InvalidArgumentError({ message: `transform ${rule}` });
}
