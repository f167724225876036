import type { ServiceError } from "../../../contract/service-error.js";
import { bareEtag } from "../headers/version.js";
import { answerError } from "./answer-error.js";
import { rootOf, textOf } from "./xml.js";

/**
 * The document that an operation answers with. A status of 200 proves nothing: the service sends it before it knows
 * the outcome, and a portal in between may answer anything.
 *
 * @param root - name of the outermost element.
 * @throws ServiceError when the document is an error, another one, or not whole.
 */
export function documentOf(body: Buffer, root: string): string {
  const xml = body.toString("utf8").trim();
  const found = rootOf(xml);
  if (found === "Error") throw answerError({ status: 500, reason: textOf(xml, "Code") ?? "InternalError" });
  if (found === root && (xml.endsWith(`</${root}>`) || isEmptyElement(xml))) return xml;
  throw malformedAnswer();
}

/**
 * The ETag without quotes that an answer must have.
 *
 * @throws ServiceError when there is none: the answer is not one of the service.
 */
export function requiredEtag(header: string | undefined): string {
  const etag = bareEtag(header);
  if (etag === "") throw malformedAnswer();
  return etag;
}

/** The failure of an answer that is not the service's, although its status is one of success. */
export function malformedAnswer(): ServiceError {
  return answerError({ status: 502, reason: "MalformedAnswer" });
}

function isEmptyElement(xml: string): boolean {
  return /^(?:<\?[^>]*\?>\s*)?<[A-Za-z]+(?:\s[^<>]*)?\/>$/.test(xml);
}
