import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest, RequestPayload } from "fastify";
import { type AnyRequest, contentTooLarge, declaredLength, HttpError, requestOf } from "../../http/index.js";
import { ConfigurationError, checkGivenOptions, type OptionRules } from "../../kernel/index.js";
import { MemoryReceivedIds, type ReceivedIds } from "../received-ids.js";
import {
  type SecretSource,
  SignatureError,
  type SignatureScheme,
  type VerifiedWebhook,
} from "../signature/scheme.js";
import { standardWebhooks } from "../signature/standard.js";

declare module "fastify" {
  interface FastifyRequest {
    /** What the signature of this request told; there on routes with {@link requireSignature}. */
    webhook?: VerifiedWebhook;
  }
}

/** Options of {@link requireSignature}. */
export interface RequireSignatureOptions {
  /** Most bytes of the content. Default: 1,048,576. */
  readonly maxBytes?: number;
  /**
   * Where ids of handled messages are kept. Default: the memory of this process, for 15 minutes, or for twice the tolerance
   * of the scheme if that is longer. Several processes share a `CachedReceivedIds`.
   */
  readonly receivedIds?: ReceivedIds;
  /** The receiver's clock, in milliseconds since the epoch. Default: `Date.now`. */
  readonly now?: () => number;
}

/** A `preParsing` hook of a route, in an app of any kind. */
export type SignatureHook = (request: AnyRequest, reply: object, payload: RequestPayload) => Promise<object>;

const rules: OptionRules<RequireSignatureOptions> = {
  call: "requireSignature",
  kinds: { maxBytes: "number", receivedIds: "object", now: "function" },
  ranges: { maxBytes: [1, Number.MAX_SAFE_INTEGER] },
};

/**
 * A `preParsing` hook that admits only signed requests. The raw bytes are verified before they are parsed. A message
 * that was handled is answered with 204 and does not reach the handler again; one that is being handled with 409; a
 * handler that answers with an error leaves the message open for the next delivery.
 *
 * The outcome of the handler counts, also when the sender has left meanwhile. A claimed message stays claimed until then.
 *
 * @param scheme - secrets of Standard Webhooks, or a scheme such as `stripeSignature(secrets)`.
 * @throws ConfigurationError for a secret that is missing or malformed, and for ids that are remembered for less than twice
 * the tolerance of timestamps: a message could be replayed.
 * @example
 * app.post("/hooks", { preParsing: requireSignature(secrets) }, async (request) => handle(request.body));
 */
export function requireSignature(
  scheme: SignatureScheme | SecretSource,
  options: RequireSignatureOptions = {},
): SignatureHook {
  checkGivenOptions(options, rules);
  const { maxBytes = 1_048_576, now = Date.now } = options;
  const chosen = isScheme(scheme) ? scheme : standardWebhooks(scheme);
  const receivedIds = options.receivedIds ?? new MemoryReceivedIds(Math.max(15 * 60_000, leastMs(chosen)));
  checkWindow(receivedIds, leastMs(chosen));
  return async (from, reply, payload) => {
    const request = requestOf(from);
    const body = await readRaw(request, payload, maxBytes);
    const verified = await verify(request, chosen, body, now());
    request.webhook = verified;
    if (verified.id !== undefined && !(await claim(verified.id, receivedIds, reply as FastifyReply)))
      return reply;
    return replayed(body);
  };
}

function isScheme(given: SignatureScheme | SecretSource): given is SignatureScheme {
  return typeof given === "object" && given !== null && "verify" in given;
}

/** A message verifies from the tolerance before its time until the tolerance after it. */
function leastMs({ toleranceSeconds = 0 }: SignatureScheme): number {
  return 2 * toleranceSeconds * 1000;
}

function checkWindow({ windowMs = Number.POSITIVE_INFINITY }: ReceivedIds, least: number): void {
  if (windowMs >= least) return;
  const message = `needs receivedIds that remember for ${least} ms at least, twice the tolerance of timestamps, not ${windowMs}`;
  throw new ConfigurationError([{ name: "requireSignature", message }]);
}

async function readRaw({ raw }: FastifyRequest, payload: RequestPayload, maxBytes: number): Promise<Buffer> {
  const limit = { maxBytes, envelopeBytes: 0 };
  if ((declaredLength(raw) ?? 0) > maxBytes) throw contentTooLarge(limit);
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of payload) {
    size += piece.byteLength;
    if (size > maxBytes) throw contentTooLarge(limit);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

async function verify(
  request: FastifyRequest,
  scheme: SignatureScheme,
  body: Buffer,
  now: number,
): Promise<VerifiedWebhook> {
  try {
    for (const name of scheme.fields) {
      // Requests of `app.inject` have no such lists.
      if ((request.raw.headersDistinct?.[name]?.length ?? 0) > 1)
        throw new SignatureError(`${name} is there twice`);
    }
    return await scheme.verify({ headers: request.headers, body, now });
  } catch (error) {
    if (!(error instanceof SignatureError)) throw error;
    request.log.info({ scheme: scheme.name, reason: error.message }, "webhook refused");
    throw new HttpError(401, "invalid_signature", "the signature is invalid or has expired");
  }
}

/** Resolves to whether this request is to be handled; otherwise it has been answered. */
async function claim(id: string, receivedIds: ReceivedIds, reply: FastifyReply): Promise<boolean> {
  const state = await receivedIds.claim(id);
  if (state === "done") {
    reply.code(204).send();
    return false;
  }
  if (state === "running") {
    throw new HttpError(409, "in_progress", "this message is being handled", { "retry-after": "5" });
  }
  whenAnswered(reply.raw, () => {
    const settle = async () => receivedIds.settle(id, reply.raw.statusCode < 400);
    settle().catch((error: unknown) => reply.log.error({ err: error }, "a webhook's id could not be kept"));
  });
  return true;
}

/**
 * Calls back once when the handler has ended: it ends the response, or begins to stream it. No event of the socket tells:
 * a sender that has left closes it while the handler still runs.
 */
function whenAnswered(response: FastifyReply["raw"], answered: () => void): void {
  let isAnswered = false;
  const once = () => {
    if (!isAnswered) answered();
    isAnswered = true;
  };
  const end = response.end.bind(response);
  response.once("pipe", once);
  response.end = (...given: readonly unknown[]) => {
    once();
    return Reflect.apply(end, undefined, given);
  };
}

/** The content once more, for the parser of the route; Fastify compares the length with Content-Length. */
function replayed(body: Buffer): RequestPayload {
  return Object.assign(Readable.from([body], { objectMode: false }), {
    receivedEncodedLength: body.byteLength,
  });
}
