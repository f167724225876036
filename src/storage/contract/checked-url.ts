import { StorageConfigurationError } from "./error.js";

/** @throws StorageConfigurationError for what is no address that paths can be appended to; it does not tell the value. */
export function checkUrl(name: string, url: string): void {
  if (/^https?:\/\//.test(url) && URL.canParse(url) && !/[?#]/.test(url)) return;
  throw new StorageConfigurationError({ message: `${name} must be an http or https URL without a query` });
}
