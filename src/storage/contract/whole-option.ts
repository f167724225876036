import { StorageConfigurationError } from "./error.js";

/** @throws StorageConfigurationError when an option is no whole number from `least` to `most`. */
export function checkWhole(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new StorageConfigurationError({ message: `${name} must be a whole number from ${least} to ${most}` });
}
