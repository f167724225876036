import { sniffContentType, unknownContentType } from "../content/content-type.js";
import { markupOf } from "./markup.js";
import { essenceOf, isSameFormat } from "./media-type.js";
import { isSignedType, signatureOf } from "./signature.js";
import { isTextual, looksLikeText } from "./text.js";

/** What content is, and how that is known. */
export interface DecidedType {
  /** With the parameters of the claim, where that says the same. */
  readonly contentType: string;
  /** Without parameters. */
  readonly essence: string;
  /** Whether the bytes say so; otherwise it is known by its name only. */
  readonly isSigned: boolean;
  /** Whether the claim agrees, as also no claim does. */
  readonly isAsClaimed: boolean;
}

/**
 * Decides by its first bytes what content is. Where they do not tell, the claim holds unless they contradict it.
 *
 * @param claimed - the content type that its sender gives; `application/octet-stream` says nothing.
 */
export async function decideType(
  head: Uint8Array,
  claimed: string | undefined,
  name: string,
): Promise<DecidedType> {
  const claim = claimed === undefined || essenceOf(claimed) === unknownContentType ? undefined : claimed;
  const markup = markupOf(head);
  if (markup !== undefined) return compared(markup, claim, false);
  const signature = await signatureOf(head);
  if (signature !== undefined) return compared(signature, claim, true);
  return bySilence(head, claim, name);
}

function compared(found: string, claim: string | undefined, isSigned: boolean): DecidedType {
  const essence = claim === undefined ? found : essenceOf(claim);
  if (claim !== undefined && isSameFormat(essence, found)) {
    return { contentType: claim, essence, isSigned, isAsClaimed: true };
  }
  if (claim !== undefined && isRefined(found, essence)) {
    return { contentType: claim, essence, isSigned: false, isAsClaimed: true };
  }
  return { contentType: found, essence: found, isSigned, isAsClaimed: claim === undefined };
}

/** Formats that are containers of others: which, their first bytes need not tell. */
const refinements: ReadonlyMap<string, RegExp> = new Map([
  [
    "application/zip",
    /^application\/(?:vnd\.(?:openxmlformats-officedocument|oasis\.opendocument|ms-[a-z]+)\.[a-z.0-9-]+|epub\+zip|java-archive)$/,
  ],
  ["application/x-cfb", /^application\/(?:msword|vnd\.ms-(?:excel|powerpoint|outlook|project))$/],
  ["application/xml", /^(?!image\/svg)(?!application\/xhtml)[a-z]+\/[a-z0-9.-]+\+xml$/],
]);

function isRefined(found: string, essence: string): boolean {
  return refinements.get(found)?.test(essence) === true;
}

/** Text, and formats without a signature. */
function bySilence(head: Uint8Array, claim: string | undefined, name: string): DecidedType {
  const isText = looksLikeText(head);
  if (claim === undefined) {
    const contentType = isText ? sniffContentType(head, name) : unknownContentType;
    return { contentType, essence: essenceOf(contentType), isSigned: false, isAsClaimed: true };
  }
  const essence = essenceOf(claim);
  const isPossible = isTextual(essence) ? isText : !isSignedType(essence);
  if (isPossible) return { contentType: claim, essence, isSigned: false, isAsClaimed: true };
  const found = isText ? "text/plain; charset=utf-8" : unknownContentType;
  return { contentType: found, essence: essenceOf(found), isSigned: false, isAsClaimed: false };
}
