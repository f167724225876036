// @ts-check
import { invalid } from "./refusal.js";

/**
 * Compares content with what the client says of it: members of the resource, or `X-Goog-Hash`.
 *
 * @param {import("./content.js").Content} content
 * @param {Record<string, unknown>} metadata
 * @param {unknown} [header]
 */
export function checkIntegrity({ crc32c, md5 }, metadata, header) {
  const given = String(header ?? "").split(",");
  const crcs = [metadata.crc32c, ...given.flatMap((each) => each.trim().match(/^crc32c=(.*)$/)?.[1] ?? [])];
  const md5s = [metadata.md5Hash, ...given.flatMap((each) => each.trim().match(/^md5=(.*)$/)?.[1] ?? [])];
  for (const claimed of crcs) compare("CRC32C", claimed, crc32c);
  for (const claimed of md5s) compare("MD5 hash", claimed, md5);
}

/** @param {string} what @param {unknown} claimed @param {string} actual */
function compare(what, claimed, actual) {
  if (claimed === undefined || claimed === actual) return;
  throw invalid(`Provided ${what} "${claimed}" doesn't match calculated ${what} "${actual}".`);
}
