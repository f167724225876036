import type { ObjectDescription } from "../../../contract/backend.js";
import { exactText } from "../../../contract/description.js";
import type { S3Response } from "../wire/exchange.js";
import type { Headers } from "../wire/sigv4.js";
import { isOthersMetadata } from "./metadata-headers.js";

/** What a copy is described by: beside what the kit knows, what other tools wrote. */
export interface SentDescription extends ObjectDescription {
  /** Sent as they are. */
  readonly keptHeaders?: Headers | undefined;
}

const standard = new Set(["cache-control", "content-disposition", "content-encoding", "content-language"]);

/** The headers of an object that a copy of it keeps although nothing else is known of them. */
export function keptHeaders(headers: S3Response["headers"]): Headers {
  const kept: Headers = {};
  for (const name in headers) {
    const value = headers[name] ?? "";
    const isKept = (standard.has(name) || isOthersMetadata(name)) && exactText.test(value);
    // Some services store this word of the way in which content was sent, and would take a copy for sent like that.
    if (isKept && !value.includes("aws-chunked")) kept[name] = value;
  }
  return kept;
}
