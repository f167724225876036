import { createHash } from "node:crypto";
import type {
  FastifyInstance,
  FastifyPluginAsync,
  FastifyReply,
  FastifyRequest,
  RouteOptions,
} from "fastify";
import fastifyPlugin from "fastify-plugin";
import { type CacheStore, cacheVariables, openStore } from "../cache/index.js";
import { joinHealth } from "../health/index.js";
import {
  type AnyApp,
  fastifyOf,
  HttpError,
  hasBody,
  pathOf,
  whenClosed,
  withoutRegisterOptions,
} from "../http/index.js";
import {
  appEnvOf,
  ConfigurationError,
  checkGivenOptions,
  type Environment,
  isVariableSet,
  loadSettings,
  type OptionRules,
  readEnvironment,
} from "../kernel/index.js";
import { readIdempotencyKey } from "./idempotency-key.js";
import { type Claim, KeyRecords, type RecordedAnswer } from "./key-records.js";
import { type IdempotencySettingOptions, idempotencyVariables } from "./settings.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** For a route of POST or PATCH: `required` refuses requests without a key and content that is streamed, `false` ignores keys. */
    idempotency?: "required" | false | undefined;
  }
}

/** Options of {@link addIdempotency}. */
export interface AddIdempotencyOptions extends IdempotencySettingOptions {
  /**
   * Who brings a key: the keys of one caller mean nothing to another. Default: `request.user.id` where a helper for users
   * sets it, else all credentials that the request carries, else its address.
   */
  readonly caller?: ((request: FastifyRequest) => string) | undefined;
  /**
   * Where answers are kept. Default: the store of `addCache`, else what `CACHE_URL` or `REDIS_URL` names. The word
   * `memory` allows the memory of one process in production.
   */
  readonly store?: CacheStore | "memory" | undefined;
  /**
   * Stands before every key in a Redis that is opened for them: services that share one must each have their own. Default:
   * `CACHE_PREFIX`, else `idempotency:`.
   */
  readonly keyPrefix?: string | undefined;
  /** Default: `process.env` and the `.env` file. */
  readonly env?: Environment | undefined;
}

const rules: OptionRules<AddIdempotencyOptions> = {
  call: "addIdempotency",
  kinds: {
    ttlSeconds: "anything",
    caller: "function",
    store: "string|object",
    keyPrefix: "string",
    env: "object",
  },
};

/**
 * Lets clients repeat POST and PATCH without harm: the header `Idempotency-Key`
 * (draft-ietf-httpapi-idempotency-key-header) makes a repetition get the first answer again. A key belongs to one
 * caller, tenant, method and path. While the first request runs a repetition gets 409; with other content 422.
 * Answers from 500 on, streams, and answers above 1 MiB are not kept: a repetition does the work again. Keys are ignored
 * where a route reads its content as a stream, as uploads do; a route that needs a key refuses such content (415).
 *
 * It holds for routes that are added after it, behind all their other hooks.
 *
 * @throws ConfigurationError when the settings are wrong, or production has no store that processes share.
 * @example
 * await addIdempotency(app);
 * app.post("/payments", { config: { idempotency: "required" } }, pay);
 */
export async function addIdempotency(app: AnyApp, options: AddIdempotencyOptions = {}): Promise<void> {
  await fastifyOf(app).register(idempotencyPlugin, options);
}

/** {@link addIdempotency} as a plugin. */
export const idempotencyPlugin: FastifyPluginAsync<AddIdempotencyOptions> = fastifyPlugin(mount, {
  name: "svc-infra/idempotency",
  fastify: "5.x",
});

async function mount(app: FastifyInstance, options: AddIdempotencyOptions): Promise<void> {
  checkGivenOptions(withoutRegisterOptions(options), rules);
  const { caller = callerOf, env = readEnvironment(), ttlSeconds } = options;
  const settings = loadSettings(idempotencyVariables, env, { ttlSeconds });
  const { store, reason } = await chooseStore(app, options, env);
  const records = new KeyRecords(store, settings.ttlSeconds * 1000);
  const guard = new IdempotencyGuard(records, caller);
  app.addHook("onRoute", (route) => guard.watch(route));
  app.log.info({ store: store.type, reason }, `idempotency keys are kept in ${store.type}: ${reason}`);
}

async function chooseStore(
  app: FastifyInstance,
  { store: given, keyPrefix }: AddIdempotencyOptions,
  env: Environment,
): Promise<{ readonly store: CacheStore; readonly reason: string }> {
  if (typeof given === "object") return { store: given, reason: "option 'store' is given" };
  if (given === undefined && app.hasDecorator("cache")) {
    return { store: refuseMemoryInProduction(app.cache.store, env), reason: "addCache was called before" };
  }
  const url = given === "memory" ? "memory://" : undefined;
  const own = isVariableSet(env, cacheVariables.prefix.name) ? undefined : "idempotency:";
  const settings = loadSettings(cacheVariables, env, { url, prefix: keyPrefix ?? own });
  const store = await openStore(settings, app.log);
  app.addHook("onClose", () => store.close());
  await joinHealth(app, "idempotency", () => store.check(), { critical: false });
  if (given === "memory") return { store, reason: "option 'store' is memory" };
  const variable = ["CACHE_URL", "REDIS_URL"].find((name) => isVariableSet(env, name));
  const reason = variable === undefined ? "neither CACHE_URL nor REDIS_URL is set" : `${variable} is set`;
  return { store: refuseMemoryInProduction(store, env), reason };
}

/** Two processes with memories of their own would each do the work once. */
function refuseMemoryInProduction(store: CacheStore, env: Environment): CacheStore {
  if (store.type !== "memory" || appEnvOf(env) !== "prod") return store;
  const message =
    "is not set, and idempotency keys need a store that all processes share in production; or say store: 'memory'";
  throw new ConfigurationError([{ name: "REDIS_URL", message }]);
}

class IdempotencyGuard {
  readonly #records: KeyRecords;
  readonly #caller: (request: FastifyRequest) => string;
  readonly #claims = new WeakMap<FastifyRequest, Claim>();
  /** Fingerprints of content as it came: what a schema makes of it may be new each time, or not comparable. */
  readonly #sent = new WeakMap<FastifyRequest, string>();

  constructor(records: KeyRecords, caller: (request: FastifyRequest) => string) {
    this.#records = records;
    this.#caller = caller;
  }

  /** Adds the hooks after a route's own hooks: a caller that they refuse must not get a stored answer. */
  watch(route: RouteOptions): void {
    const methods = [route.method].flat();
    if (!methods.some((method) => guarded.has(method))) return;
    const look = async (request: FastifyRequest) => this.#look(request);
    const begin = (request: FastifyRequest, reply: FastifyReply) => this.#begin(request, reply);
    const end = (request: FastifyRequest, reply: FastifyReply, payload: unknown) =>
      this.#end(request, reply, payload);
    route.preValidation = [...[route.preValidation ?? []].flat(), look];
    route.preHandler = [...[route.preHandler ?? []].flat(), begin];
    route.onSend = [...[route.onSend ?? []].flat(), end];
    const { handler } = route;
    const handle = (request: FastifyRequest, reply: FastifyReply, work: () => unknown) =>
      this.#handle(request, reply, work);
    route.handler = function (request, reply) {
      return handle(request, reply, () => handler.call(this, request, reply));
    };
  }

  #look(request: FastifyRequest): void {
    if (!guarded.has(request.method) || request.headers["idempotency-key"] === undefined) return;
    const fingerprint = fingerprintOf(request);
    if (fingerprint !== undefined) this.#sent.set(request, fingerprint);
  }

  /**
   * Fastify sends no empty answer of a promise once the client has left, so it is sent here, and kept. A handler that awaits
   * the reply itself goes on when the client leaves: its answer comes later.
   */
  #handle(request: FastifyRequest, reply: FastifyReply, work: () => unknown): unknown {
    if (!this.#claims.has(request)) return work();
    let isAwaited = false;
    const { then } = reply;
    // biome-ignore lint/suspicious/noThenProperty: the reply has it already
    reply.then = (...given) => {
      isAwaited = true;
      then.apply(reply, given);
    };
    const answer = work();
    if (answer === reply || typeof Object(answer).then !== "function") return answer;
    return (answer as PromiseLike<unknown>).then((payload) => {
      const isUnsent = !isAwaited && !reply.sent && !reply.raw.headersSent;
      if (payload === undefined && isUnsent && hasLeft(request)) reply.send();
      return payload;
    });
  }

  async #begin(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { idempotency } = request.routeOptions.config;
    if (!guarded.has(request.method) || idempotency === false) return undefined;
    const key = readIdempotencyKey(request.headers["idempotency-key"]);
    if (key === undefined) {
      if (idempotency !== "required") return undefined;
      throw new HttpError(400, "idempotency_key_required", "this needs the header Idempotency-Key");
    }
    const fingerprint = this.#sent.get(request) ?? fingerprintOf(request);
    if (fingerprint === undefined) {
      if (idempotency !== "required") return undefined;
      const message =
        "this needs an Idempotency-Key, and content of this type cannot be compared with that of a repetition";
      throw new HttpError(415, "unsupported_type", message);
    }
    const state = await this.#records.begin(this.#scopeOf(request, key), fingerprint).catch(unavailable);
    if (state.is === "answered") return repeat(reply, state.answer);
    if (state.is === "running") {
      throw new HttpError(409, "idempotency_key_in_use", "the first request with this key is still running", {
        "retry-after": "1",
      });
    }
    if (state.is === "other") {
      throw new HttpError(422, "idempotency_key_reused", "this key came with other content before");
    }
    this.#claims.set(request, state.claim);
    whenClosed(reply.raw, () => this.#watchAbandoned(request));
    return undefined;
  }

  /** The handler goes on when its client has left, and its answer is kept; one that never answers frees the key. */
  #watchAbandoned(request: FastifyRequest): void {
    if (!this.#claims.has(request)) return;
    const free = () => this.#take(request)?.release();
    setTimeout(() => void free()?.catch(() => undefined), abandonedMs).unref();
  }

  async #end(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
    const claim = this.#take(request);
    if (claim === undefined) return payload;
    const body = bytesOf(payload);
    const isKept = reply.statusCode < 500 && body !== undefined && body.byteLength <= maxKeptBytes;
    const ending = isKept ? claim.keep(answerOf(reply, body)) : claim.release();
    await ending.catch((error: unknown) =>
      request.log.error({ err: error }, "an answer could not be kept for its key"),
    );
    return payload;
  }

  #take(request: FastifyRequest): Claim | undefined {
    const claim = this.#claims.get(request);
    this.#claims.delete(request);
    return claim;
  }

  #scopeOf(request: FastifyRequest, key: string): string {
    const { tenant, user }: { tenant?: unknown; user?: { tenant?: unknown } | null } = request as object;
    const owner = tenant ?? user?.tenant ?? null;
    return `i:${hash([this.#caller(request), owner, request.method, pathOf(request), key])}`;
  }
}

const guarded: ReadonlySet<string> = new Set(["POST", "PATCH"]);

/** Milliseconds that a handler has after its client left. */
const abandonedMs = 600_000;

/** A larger answer is not kept: anyone may bring new keys. */
const maxKeptBytes = 1024 * 1024;

/** Content that the handler reads as a stream cannot be compared with that of the first request. */
function isUnread({ body, raw }: FastifyRequest): boolean {
  const isStream = typeof body === "object" && body !== null && Symbol.asyncIterator in body;
  return isStream || (body === undefined && hasBody(raw));
}

/** As Fastify asks before it sends an empty answer. */
function hasLeft({ raw, socket }: FastifyRequest): boolean {
  return raw.aborted || !socket || socket.destroyed;
}

function callerOf(request: FastifyRequest): string {
  const { user }: { user?: { id?: unknown } | null } = request as object;
  if (typeof user?.id === "string" || typeof user?.id === "number") return `user ${user.id}`;
  const { authorization, cookie, "x-api-key": apiKey } = request.headers;
  const credentials = [authorization, apiKey, cookie];
  if (credentials.every((each) => each === undefined)) return `address ${request.ip}`;
  return `credentials ${JSON.stringify(credentials)}`;
}

/** What the request asks for, besides its path: a repetition must ask for the same. `undefined` where that cannot be told. */
function fingerprintOf(request: FastifyRequest): string | undefined {
  if (isUnread(request)) return undefined;
  const { body, headers, url } = request;
  const content = Buffer.isBuffer(body) ? body.toString("base64") : (body ?? null);
  try {
    return hash([url, headers["content-type"] ?? null, content]);
  } catch {
    // Parts of a form may name each other in a circle.
    return undefined;
  }
}

function hash(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}

function unavailable(error: unknown): never {
  const message = "idempotency keys cannot be looked up now";
  throw new HttpError(503, "idempotency_unavailable", message, { "retry-after": "1" }, { cause: error });
}

/** `undefined` for a stream. */
function bytesOf(payload: unknown): Uint8Array | undefined {
  if (payload === undefined || payload === null) return new Uint8Array();
  if (typeof payload === "string") return Buffer.from(payload);
  return payload instanceof Uint8Array ? payload : undefined;
}

/** Headers of the one message, and what another answer must not hand out again. */
const unkept =
  /^(?:connection|content-length|date|set-cookie|transfer-encoding|x-request-id|access-control-.*|(?:x-)?ratelimit.*)$/;

function answerOf(reply: FastifyReply, body: Uint8Array): RecordedAnswer {
  const headers = Object.entries(reply.getHeaders())
    .filter(([name, value]) => value !== undefined && !unkept.test(name))
    .map(([name, value]) => [name, String(value)]);
  return { statusCode: reply.statusCode, headers: Object.fromEntries(headers), body: new Uint8Array(body) };
}

function repeat(reply: FastifyReply, { statusCode, headers, body }: RecordedAnswer): FastifyReply {
  return reply
    .code(statusCode)
    .headers(headers)
    .header("idempotency-replayed", "true")
    .send(Buffer.from(body));
}
