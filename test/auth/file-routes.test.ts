import type { RouteOptions } from "fastify";
import { addStorage } from "svc-infra";
import { tenantFiles, userFiles } from "svc-infra/auth";
import { Storage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthService } from "./auth-service.js";
import type { Browser } from "./browser.js";
import { Inbox } from "./inbox.js";

const origin = "http://localhost:3000";
const secret = "what only some may read";
const intruded = "what only some may write";
const publicKey = "public/logo.txt";

/** A caller: a browser, and what it sends beside its cookies. */
interface Caller {
  readonly browser: Browser;
  readonly headers: Record<string, string>;
}

/** One storage behind its routes, and a file in it. */
interface Place {
  readonly storage: Storage;
  readonly root: string;
  readonly files: string;
  /** The key as the members of its prefix name it, and as the storage has it. */
  readonly key: string;
  readonly fullKey: string;
}

interface Answer {
  readonly method: string;
  readonly status: number;
  readonly body: string;
}

type Request = (method: string, path: string, body?: object | string) => Promise<Answer>;

/** What a route is tried with. */
interface Trial {
  readonly place: Place;
  readonly send: Request;
  /** The same by somebody who may do it. */
  readonly sendAsOwner: Request;
}

/** What a route needs of its caller, and how it is tried; a route that names no file is tried by being called. */
interface Row {
  readonly needs: "read" | "write" | "nobody" | "everybody";
  readonly call: (trial: Trial) => Promise<Answer>;
}

const row = (needs: Row["needs"], call: Row["call"]): Row => ({ needs, call });
const path = ({ root, key }: Place, name: string) => `${root}/${name}/${key}`;

async function prepare(send: Request, { root, key }: Place): Promise<string> {
  const size = intruded.length;
  const answer = await send("POST", `${root}/uploads`, { key, size, contentType: "text/plain" });
  if (answer.status !== 201) return "none";
  const { id, url } = JSON.parse(answer.body);
  const { pathname, search } = new URL(url);
  await send("PUT", pathname + search, intruded);
  return id;
}

/** A header tells nothing of one file here. */
function headOnly(name: string): Row["call"] {
  return async ({ place, send }) => ({ ...(await send("HEAD", `${place.root}/${name}`)), method: "" });
}

/** Every route by verb and path, below the management routes (`M`) or the file route (`F`). */
const rows: Readonly<Record<string, Row>> = {
  "POST M/upload": row("write", ({ place, send }) =>
    send("POST", `${place.root}/upload?key=${place.key}`, intruded),
  ),
  "PUT M/files/*": row("write", ({ place, send }) => send("PUT", path(place, "files"), intruded)),
  "DELETE M/files/*": row("write", ({ place, send }) => send("DELETE", path(place, "files"))),
  "GET M/download/*": row("read", ({ place, send }) => send("GET", path(place, "download"))),
  "HEAD M/download/*": row("read", ({ place, send }) => send("HEAD", path(place, "download"))),
  "GET M/metadata/*": row("read", ({ place, send }) => send("GET", path(place, "metadata"))),
  "HEAD M/metadata/*": row("read", ({ place, send }) => send("HEAD", path(place, "metadata"))),
  "GET M/list": row("read", ({ place, send }) => send("GET", `${place.root}/list?details=true`)),
  "HEAD M/list": row("nobody", headOnly("list")),
  "GET M/backend-info": row("nobody", ({ place, send }) => send("GET", `${place.root}/backend-info`)),
  "HEAD M/backend-info": row("nobody", headOnly("backend-info")),
  "POST M/sign": row("write", async ({ place, send }) => {
    const answer = await send("POST", `${place.root}/sign`, { key: place.key });
    if (answer.status !== 200) return answer;
    const { pathname, search } = new URL(JSON.parse(answer.body).url);
    return send("GET", pathname + search);
  }),
  "POST M/uploads": row("write", async ({ place, send }) => {
    const id = await prepare(send, place);
    return send("POST", `${place.root}/uploads/${id}/complete`);
  }),
  "POST M/uploads/:id/complete": row("write", async ({ place, send, sendAsOwner }) => {
    const id = await prepare(sendAsOwner, place);
    return send("POST", `${place.root}/uploads/${id}/complete`);
  }),
  "DELETE M/uploads/:id": row("write", async ({ place, send, sendAsOwner }) => {
    const id = await prepare(sendAsOwner, place);
    const answer = await send("DELETE", `${place.root}/uploads/${id}`);
    const { status } = await sendAsOwner("POST", `${place.root}/uploads/${id}/complete`);
    const isDropped = status !== 200 && place.key !== place.fullKey;
    // Reached is an upload that cannot be completed any more.
    await place.storage.put(place.fullKey, isDropped ? intruded : secret);
    return answer;
  }),
  "GET F/*": row("everybody", ({ place, send }) => send("GET", `${place.files}/${place.fullKey}`)),
  "HEAD F/*": row("everybody", ({ place, send }) => send("HEAD", `${place.files}/${place.fullKey}`)),
  "PUT F/*": row("nobody", ({ place, send }) => send("PUT", `${place.files}/${place.fullKey}`, intruded)),
};

const callers: Record<string, Caller> = {};
const routes = new Set<string>();
let inbox: Inbox;
let service: AuthService;
let acme: string;
let ann: { readonly id: string };

beforeAll(async () => {
  inbox = await Inbox.start();
  const user = new Storage(new MemoryBackend());
  const shared = new Storage(new MemoryBackend());
  const publicFiles = { prefixes: ["public/"] };
  const common = { allowOrigins: [origin], publicFiles, serveFiles: true } as const;
  service = await AuthService.start(inbox, {
    extend: async (app) => {
      app.addHook("onRoute", noteRoute);
      await addStorage(app, user, { authorize: userFiles(), ...common });
      await addStorage(app, shared, {
        ...common,
        authorize: tenantFiles(),
        decorator: "shared",
        managementPrefix: "/_shared",
        serveFiles: { prefix: "/shared-files" },
      });
    },
  });
  await service.app.listen({ port: 0, host: "127.0.0.1" });
  await makeCallers();
});

afterAll(async () => {
  await service.stop();
  await inbox.stop();
});

function noteRoute({ method, url }: RouteOptions): void {
  const place = url.replace(/^\/(?:_storage|_shared)\//, "M/").replace(/^\/(?:files|shared-files)\//, "F/");
  if (!/^[MF]\//.test(place)) return;
  for (const verb of [method].flat()) routes.add(`${verb} ${place}`);
}

async function makeCallers(): Promise<void> {
  const people = await Promise.all(
    ["ann", "ben", "cat", "dan"].map((name) => service.signIn(`${name}@example.com`)),
  );
  const [owner, colleague, outsider, formerMember] = people as [Browser, Browser, Browser, Browser];
  acme = await organization(owner, "acme");
  for (const [browser, name] of [
    [colleague, "ben"],
    [formerMember, "dan"],
  ] as const) {
    const email = `${name}@example.com`;
    const invited = await owner.post("/auth/organization/invite-member", { email, role: "member" });
    await browser.post("/auth/organization/accept-invitation", { invitationId: invited.json().id });
    await browser.post("/auth/organization/set-active", { organizationId: acme });
  }
  ann = (await owner.get("/me")).json();
  const keyOf = async (browser: Browser, ...scopes: string[]) =>
    (await browser.post("/auth/api-keys", { name: "robot", scopes })).json();
  const stranger = service.browser();
  const robot = async (browser: Browser, ...scopes: string[]): Promise<Caller> => {
    const { key } = await keyOf(browser, ...scopes);
    return { browser: stranger, headers: { authorization: `Bearer ${key}` } };
  };
  const person = (browser: Browser): Caller => ({ browser, headers: {} });
  await organization(outsider, "other");
  const revoked = await keyOf(owner, "files:read", "files:write");
  await owner.delete(`/auth/api-keys/${revoked.id}`);
  const formersKey = await robot(formerMember, "files:read", "files:write");
  await owner.post("/auth/organization/remove-member", { memberIdOrEmail: "dan@example.com" });
  const [elsewhere, alone] = [service.browser(), service.browser()];
  for (const browser of [elsewhere, alone]) {
    const password = "correct staple horse 7";
    await browser.post("/auth/sign-in/email", { email: "ann@example.com", password });
  }
  await organization(elsewhere, "elsewhere");
  Object.assign(callers, {
    owner: person(owner),
    "the owner in another organisation": person(elsewhere),
    colleague: person(colleague),
    outsider: person(outsider),
    "former member": person(formerMember),
    stranger: person(stranger),
    "key to read": await robot(owner, "files:read"),
    "key to write": await robot(owner, "files:write"),
    "key of no organisation to read": await robot(alone, "files:read"),
    "key of no organisation to write": await robot(alone, "files:write"),
    "key without a scope": await robot(owner, "reports:read"),
    "key of another tenant": await robot(outsider, "files:read", "files:write"),
    "key of a former member": formersKey,
    "revoked key": { browser: stranger, headers: { "x-api-key": revoked.key } },
    "a page of another origin": { browser: owner, headers: { origin: "https://evil.example" } },
  });
}

async function organization(browser: Browser, slug: string): Promise<string> {
  return (await browser.post("/auth/organization/create", { name: slug, slug })).json().id;
}

/** Who may do what with each kind of file; all others may nothing. */
const kinds = {
  "a user's file": {
    place: (): Place => placeOf("storage", "/_storage", "/files", "plan.txt", `user-${ann.id}/plan.txt`),
    read: [
      "owner",
      "the owner in another organisation",
      "key of no organisation to read",
      "a page of another origin",
    ],
    write: ["owner", "the owner in another organisation", "key of no organisation to write"],
    isPublic: false,
  },
  "a tenant's file": {
    place: (): Place => placeOf("shared", "/_shared", "/shared-files", "plan.txt", `${acme}/plan.txt`),
    read: ["owner", "colleague", "key to read", "a page of another origin"],
    write: ["owner", "colleague", "key to write"],
    isPublic: false,
  },
  "a public file": {
    place: (): Place => placeOf("storage", "/_storage", "/files", publicKey, publicKey),
    read: [],
    write: [],
    isPublic: true,
  },
  "a public file beside tenants": {
    place: (): Place => placeOf("shared", "/_shared", "/shared-files", publicKey, publicKey),
    read: [],
    write: [],
    isPublic: true,
  },
} as const;

function placeOf(decorator: string, root: string, files: string, key: string, fullKey: string): Place {
  return { storage: service.app.getDecorator<Storage>(decorator), root, files, key, fullKey };
}

function requestOf({ browser, headers }: Caller): Request {
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  return async (method, url, body) => {
    const response = await fetch(service.app.listeningOrigin + url, {
      method,
      headers: {
        cookie,
        ...(["GET", "HEAD"].includes(method) ? {} : { origin }),
        ...(body === undefined
          ? {}
          : { "content-type": typeof body === "string" ? "text/plain" : "application/json" }),
        ...headers,
      },
      body: typeof body === "object" ? JSON.stringify(body) : (body ?? null),
    });
    return { method, status: response.status, body: await response.text() };
  };
}

/** Whether a caller got to the file: saw it, or changed it. */
async function isReached(call: Row["call"], place: Place, caller: Caller): Promise<boolean> {
  const { storage, fullKey, key } = place;
  const { etag } = await storage.put(fullKey, secret, { contentType: "text/plain" });
  const owner = callers.owner as Caller;
  const { method, status, body } = await call({
    place,
    send: requestOf(caller),
    sendAsOwner: requestOf(owner),
  });
  expect(status).toBeLessThan(500);
  const isThere = await storage.exists(fullKey);
  const isChanged = !isThere || Buffer.from(await storage.get(fullKey)).toString() !== secret;
  // The lists of others may have what they wrote at the same key of their own: the size tells it apart.
  const isListed = body.includes(`"key":"${key}","size":${secret.length}`);
  const isSeen = body.includes(secret) || body.includes(etag) || isListed;
  return isChanged || isSeen || (method === "HEAD" && status === 200);
}

describe("the routes of storage", () => {
  it("have a row each, for every verb", async () => {
    const named = [...routes].filter((each) => !each.startsWith("OPTIONS"));
    expect(named.length).toBeGreaterThan(50);
    for (const each of Object.keys(rows)) expect(routes).toContain(each);
    for (const each of named.filter((name) => !(name in rows))) {
      const [verb = "", path = ""] = each.split(" ");
      const target = path.replace("M/", "/_storage/").replace("F/", "/files/").replace("*", "plan.txt");
      const url = target.replace(":id", "id");
      const { statusCode } = await service.browser().request(verb as "GET", url, undefined, {});
      // Fastify itself refuses QUERY without content.
      expect([each, verb === "QUERY" && statusCode === 400 ? 405 : statusCode]).toEqual([each, 405]);
    }
  });

  describe.each(Object.entries(kinds))("reach %s", (_kind, { place, read, write, isPublic }) => {
    it.each(Object.entries(rows))("by %s for exactly those who may", async (_route, { needs, call }) => {
      const allowed = { read, write, nobody: [], everybody: isPublic ? Object.keys(callers) : [] }[needs];
      const reached = [];
      for (const [name, caller] of Object.entries(callers)) {
        if (await isReached(call, place(), caller)) reached.push(name);
      }
      expect(reached.sort()).toEqual([...allowed].sort());
    });
  });
});
