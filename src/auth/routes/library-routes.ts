import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { HttpError, keepNoAnswers, pageBoundary, problemHandler } from "../../http/index.js";
import type { AuthUsers } from "../auth-users.js";
import { addressHeader } from "../client-address.js";
import { cookiePrefix, resignCookies, sessionCookie } from "../cookies.js";
import { normalAddress } from "../library/guards.js";
import { LinkTokens } from "../link-tokens.js";
import { SignedValues } from "../signed-values.js";
import { tellSessions } from "./tell-sessions.js";

const maxBodyBytes = 64 * 1024;

/** Answers of these routes take at least as long, so that their time tells nothing of what was found. */
const leastMs: Readonly<Record<string, number>> = {
  "/request-password-reset": 400,
  "/send-verification-email": 400,
  "/sign-up/email": 600,
};

/** Hands requests to the library, and its answers back: its failures become problem details. */
export async function libraryRoutes(scope: FastifyInstance, users: AuthUsers): Promise<void> {
  const { origin, trustedOrigins } = users.config;
  keepNoAnswers(scope);
  scope.removeAllContentTypeParsers();
  const options = { parseAs: "buffer", bodyLimit: maxBodyBytes } as const;
  scope.addContentTypeParser("*", options, (_request, body, done) => done(null, body));
  scope.setErrorHandler(problemHandler(false));
  scope.addHook(
    "onRequest",
    pageBoundary({ isOpen: false, ownUrls: [origin], allowOrigins: trustedOrigins }),
  );
  const bridge = new LibraryBridge(users);
  scope.route({
    method: ["GET", "POST"],
    url: "/*",
    exposeHeadRoute: false,
    schema: { hide: true } as object,
    handler: (request, reply) => bridge.answer(request, reply),
  });
}

class LibraryBridge {
  readonly #users: AuthUsers;
  readonly #values: SignedValues;
  readonly #links: LinkTokens;

  constructor(users: AuthUsers) {
    this.#users = users;
    this.#links = new LinkTokens(users.config.secrets);
    this.#values = new SignedValues(users.config.secrets);
  }

  async answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const question = this.#toRequest(request);
    // The path is read from the URL that the library gets, which has no dot segments.
    const path = new URL(question.url).pathname.slice(this.#users.config.basePath.length);
    if (path === "/error") throw providerFailure(request);
    // Sessions over their absolute age end here, too.
    const found = await this.#users.sessions.find(request.headers.cookie);
    const least = delay(leastMs[path] ?? 0);
    const response = await this.#users.library.handler(question);
    if (response.ok) await least;
    const name = sessionCookie(this.#users.config.isSecure);
    const text = tellSessions(await response.text(), response.headers.getSetCookie(), name);
    const facts = { status: response.status, actor: found?.user.id ?? actorOf(request, text) };
    if (request.method === "POST") logEvent(request, path, facts, readFailure(text).code);
    else if (isFlow(path)) logEvent(request, path, facts, errorOf(response) ?? readFailure(text).code);
    return send(reply, response, text);
  }

  /** The URL is that of `AUTH_BASE_URL`: a forged Host header cannot get into a link. */
  #toRequest(request: FastifyRequest): Request {
    const { method, body, url } = request;
    const headers = new Headers();
    for (const [name, value] of Object.entries(request.headers)) {
      if (value !== undefined && !isDropped(name)) headers.set(name, String(value));
    }
    headers.set(addressHeader, request.ip);
    const { cookie } = request.headers;
    const prefix = cookiePrefix(this.#users.config.isSecure);
    if (cookie !== undefined) headers.set("cookie", resignCookies(cookie, prefix, this.#values));
    const content = body instanceof Buffer ? { body: new Uint8Array(body) } : {};
    return new Request(this.#users.config.origin + this.#links.resign(url), { method, headers, ...content });
  }
}

/** Requests for pages that change who is signed in, or whose address is confirmed. */
function isFlow(path: string): boolean {
  return path.startsWith("/callback/") || path === "/verify-email";
}

function isDropped(name: string): boolean {
  return (
    name.startsWith(":") || /^(?:host|forwarded|content-length|transfer-encoding|x-forwarded-.+)$/.test(name)
  );
}

async function send(reply: FastifyReply, response: Response, text: string): Promise<FastifyReply> {
  for (const [name, value] of response.headers) {
    if (name !== "content-length" && name !== "set-cookie") reply.header(name, value);
  }
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) reply.header("set-cookie", cookies);
  reply.header("cache-control", "no-store");
  if (response.status >= 400) throw failureOf(response, text);
  return reply.code(response.status).send(text);
}

function failureOf(response: Response, text: string): HttpError {
  const { code, message } = readFailure(text);
  const retryAfter = response.headers.get("x-retry-after");
  const headers: Record<string, string> = retryAfter === null ? {} : { "retry-after": retryAfter };
  const word = code ?? (response.status === 429 ? "RATE_LIMITED" : undefined);
  return new HttpError(
    response.status,
    word?.toLowerCase() ?? "",
    message ?? "the request was refused",
    headers,
  );
}

function readFailure(text: string): { readonly code?: string; readonly message?: string } {
  const { code, message } = parse(text);
  return {
    ...(typeof code === "string" ? { code } : {}),
    ...(typeof message === "string" ? { message } : {}),
  };
}

/** The user of the answer, else a hash of the address that was asked with: the log tells no address. */
function actorOf({ body, query }: FastifyRequest, answer: string): string | undefined {
  const { user } = parse(answer);
  if (typeof user === "object" && user !== null && "id" in user) return String(user.id);
  const { email } = body instanceof Buffer ? parse(body.toString("utf8")) : claimsOf(query);
  if (typeof email !== "string") return undefined;
  return `address ${createHash("sha256").update(normalAddress(email)).digest("hex").slice(0, 12)}`;
}

/** What the token of a link says; it names no other than the address that was asked with. */
function claimsOf(query: unknown): Readonly<Record<string, unknown>> {
  const [, claims = ""] = String(Object(query).token).split(".");
  return parse(Buffer.from(claims, "base64url").toString("utf8"));
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** Where a provider's answer leads when it is refused and the page named no place of its own. */
function providerFailure({ query }: FastifyRequest): HttpError {
  const { error } = Object(query);
  const code =
    typeof error === "string" && /^[a-z_]{1,64}$/i.test(error) ? error.toLowerCase() : "oauth_failed";
  return new HttpError(400, code, "the sign-in with the provider did not work; begin again");
}

/** The library tells failures of a redirect by the address that it leads to. */
function errorOf({ headers }: Response): string | undefined {
  const location = headers.get("location") ?? "";
  // Only the query is looked at, so any origin will do for a path.
  const url = URL.canParse(location, "http://localhost") ? new URL(location, "http://localhost") : undefined;
  return url?.searchParams.get("error") ?? undefined;
}

function logEvent(request: FastifyRequest, path: string, facts: object, code: string | undefined): void {
  const outcome = code?.toLowerCase() ?? "done";
  request.log.info({ event: path.slice(1), outcome, address: request.ip, ...facts }, "security event");
}
