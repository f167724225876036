import type { IncomingMessage } from "node:http";
import { badRequest, HttpError } from "./http-error.js";
import { checkBody } from "./request-body.js";
import { readWhole } from "./whole-body.js";

/** Most bytes of the JSON content of one of the kit's own routes, unless it says otherwise. */
const defaultMaxBytes = 16 * 1024;

/**
 * The JSON content of a request.
 *
 * @throws HttpError (415) for another content type, (413) above `maxBytes` (16 KiB), (400) for what is no JSON.
 */
export async function readJson(message: IncomingMessage, maxBytes = defaultMaxBytes): Promise<unknown> {
  const [type = ""] = (message.headers["content-type"] ?? "").split(";");
  if (type.trim().toLowerCase() !== "application/json") {
    throw new HttpError(415, "unsupported_type", "this path takes application/json");
  }
  checkBody(message, { maxBytes, envelopeBytes: 0 });
  return parseJson(await readWhole(message, maxBytes));
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    throw badRequest("the content is not JSON in UTF-8");
  }
}
