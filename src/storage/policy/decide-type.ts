import { contentTypeOf, unknownContentType } from "../content/content-type.js";
import { markupOf } from "./markup.js";
import { essenceOf, isSameFormat } from "./media-type.js";
import { isSignedType, loadSignatures, type Signature, signatureOf } from "./signature.js";
import { isTextual } from "./text.js";

/** A type, and how it is known that content is of it. */
export interface KnownType {
  /** Without parameters. */
  readonly essence: string;
  /** Whether the bytes say so; otherwise it is known by its name only. */
  readonly isSigned: boolean;
}

/** What content is. */
export interface DecidedType extends KnownType {
  /** With the parameters of the claim, where that says the same. */
  readonly contentType: string;
  /** Whether the claim agrees, as also no claim does. */
  readonly isAsClaimed: boolean;
}

/**
 * Decides by its first bytes what content is. Where they do not tell, the claim holds unless they contradict it.
 *
 * @param claimed - the content type that its sender gives; `application/octet-stream` says nothing.
 */
export function decideType(
  head: Uint8Array,
  claimed: string | undefined,
  name: string,
): DecidedType | Promise<DecidedType> {
  const claim = claimOf(claimed);
  const markup = markupOf(head, claim !== undefined && isXml(claim.essence));
  if (markup !== undefined) return compared(markup, claim, false);
  const decide = (signature: Signature) =>
    signature.type === undefined
      ? withoutSignature(signature, claim, name)
      : compared(signature.type, claim, true);
  const signature = signatureOf(head);
  return signature instanceof Promise ? signature.then(decide) : decide(signature);
}

/** The ways in which content can be known to be what is claimed; none where nothing is claimed. */
export async function possibleOf(claimed: string | undefined): Promise<readonly KnownType[]> {
  const essence = claimOf(claimed)?.essence;
  if (essence === undefined) return [];
  await loadSignatures();
  const isSigned = isSignedType(essence);
  const isNamed = !isSigned || isTextual(essence) || isContained(essence);
  return [...(isSigned ? [true] : []), ...(isNamed ? [false] : [])].map((each) => ({
    essence,
    isSigned: each,
  }));
}

function isXml(essence: string): boolean {
  return essence === "text/xml" || essence === "application/xml" || essence.endsWith("+xml");
}

/** A content type that its sender gives. */
interface Claim {
  readonly contentType: string;
  readonly essence: string;
}

function claimOf(contentType: string | undefined): Claim | undefined {
  const essence = contentType === undefined ? unknownContentType : essenceOf(contentType);
  return contentType === undefined || essence === unknownContentType ? undefined : { contentType, essence };
}

function compared(found: string, claim: Claim | undefined, isSigned: boolean): DecidedType {
  if (claim === undefined) return { contentType: found, essence: found, isSigned, isAsClaimed: true };
  const { contentType, essence } = claim;
  if (isSameFormat(essence, found)) return { contentType, essence, isSigned, isAsClaimed: true };
  if (isRefined(found, essence)) return { contentType, essence, isSigned: false, isAsClaimed: true };
  return { contentType: found, essence: found, isSigned, isAsClaimed: false };
}

/** Formats that are containers of others: which, their first bytes need not tell. */
const refinements: ReadonlyMap<string, RegExp> = new Map([
  [
    "application/zip",
    /^application\/(?:vnd\.(?:openxmlformats-officedocument|oasis\.opendocument|ms-(?:excel|powerpoint|visio|word))\.[a-z.0-9-]+|epub\+zip|java-archive)$/,
  ],
  ["application/x-cfb", /^application\/(?:msword|vnd\.ms-(?:excel|powerpoint|outlook|project))$/],
  ["application/xml", /^(?!image\/svg)(?!application\/xhtml)[a-z]+\/[a-z0-9.-]+\+xml$/],
]);

/** Whether content of a type is in a container that its first bytes tell. */
function isContained(essence: string): boolean {
  return isRefined("application/zip", essence) || isRefined("application/x-cfb", essence);
}

function isRefined(found: string, essence: string): boolean {
  return refinements.get(found)?.test(essence) === true;
}

/** Text, and formats without a signature. */
function withoutSignature(signature: Signature, claim: Claim | undefined, name: string): DecidedType {
  const { isText } = signature;
  if (claim === undefined) {
    const named = contentTypeOf(signature, name);
    // A name tells kinds of text apart and nothing else: a format with a signature is not believed without it.
    const isKept = isTextual(essenceOf(named));
    const contentType = isKept ? named : contentTypeOf({ ...signature, byBytes: undefined }, "");
    return { contentType, essence: essenceOf(contentType), isSigned: false, isAsClaimed: true };
  }
  const { contentType, essence } = claim;
  const isPossible = isTextual(essence) ? isText : !isSignedType(essence) && !isContained(essence);
  if (isPossible) return { contentType, essence, isSigned: false, isAsClaimed: true };
  const found = isText ? "text/plain; charset=utf-8" : unknownContentType;
  return { contentType: found, essence: essenceOf(found), isSigned: false, isAsClaimed: false };
}
