import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Fastify, { type InjectOptions } from "fastify";
import { type AddStorageOptions, addStorage, bearerToken, defineJob, easyJobs, getStorage } from "svc-infra";
import { problemHandler, RequestBody } from "svc-infra/http";
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { MemoryBackend } from "svc-infra/storage/memory";
import { S3Backend } from "svc-infra/storage/s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { JobRunner } from "#dist/jobs/job-runner.js";
import { silentLogger } from "#dist/kernel/index.js";
import { makeService } from "./app/service.js";

/** Each code with a status that it has: `| status | code |` over HTTP and of jobs, `| code | class | status |` of the storage. */
const documented = [
  ...readFileSync("docs/errors.md", "utf8").matchAll(
    /^\| (?:(?<before>\d{3}) \| )?`(?<code>[a-z_]+)` \|(?: `\w+` \| (?<behind>\d{3}) \|)?/gm,
  ),
].map(({ groups = {} }) => ({ code: groups.code ?? "", status: Number(groups.before ?? groups.behind) }));

const statusesOf = (code: string) =>
  documented.filter((each) => each.code === code).map((each) => each.status);

const folder = mkdtempSync(join(tmpdir(), "svc-infra-errors-"));
const memory = (): Storage => new Storage(new MemoryBackend());
const isImage = { types: ["image/*"] };

/** A service of S3 that answers everything in one way. */
const answers: Record<string, (response: ServerResponse) => void> = {
  denied: (response) => response.writeHead(403).end("<Error><Code>AccessDenied</Code></Error>"),
  slow: (response) => response.writeHead(503).end("<Error><Code>SlowDown</Code></Error>"),
  odd: (response) => response.writeHead(418).end(),
  silent: () => undefined,
};
const service = createServer((request, response) => answers[request.url?.split("/")[1] ?? ""]?.(response));
let endpoint = "";

beforeAll(async () => {
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${Object(service.address()).port}`;
});

afterAll(() => {
  service.closeAllConnections();
  service.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What a bucket of that service makes of a call. */
const s3 = (bucket: string, at = endpoint) =>
  new Storage(new S3Backend({ bucket, endpoint: at, accessKey: "key", secretKey: "secret" }));

/** An object whose bytes are not those that were stored. */
class Damaged extends MemoryBackend {
  override async read(...given: Parameters<MemoryBackend["read"]>) {
    const { stat, start, end } = await super.read(...given);
    async function* body() {
      yield Buffer.from("damaged");
    }
    return { stat, start, end, body: body(), bytes: undefined, close: async () => undefined };
  }
}

async function http(request: InjectOptions, options: AddStorageOptions = {}): Promise<unknown> {
  const app = Fastify();
  await addStorage(app, new MemoryBackend(), { authorize: "open", ...options });
  const answer = await app.inject({ headers: { host: "localhost" }, ...request });
  await app.close();
  throw answer.json();
}

async function thrown(error: unknown, url = "/"): Promise<unknown> {
  const app = Fastify();
  app.setErrorHandler(problemHandler(true));
  app.get("/", async () => {
    throw error;
  });
  const answer = await app.inject(url);
  throw answer.json();
}

const job = defineJob("a", z.object({ n: z.number() }), async () => undefined);

/** Calls that end with each code. */
const provoked: Readonly<Record<string, () => Promise<unknown>>> = {
  not_found: () => memory().get("a"),
  invalid_key: () => memory().put("../a", "x"),
  invalid_argument: () => memory().put("a", "x", { size: 2 }),
  invalid_range: async () => {
    const storage = memory();
    await storage.put("a", "x");
    return storage.open("a", { range: { start: 9, end: undefined } });
  },
  key_conflict: async () => {
    const storage = new Storage(new LocalBackend({ basePath: folder }));
    await storage.put("a", "x");
    return storage.put("a/b", "x").finally(() => storage.close());
  },
  precondition_failed: async () => {
    const storage = memory();
    await storage.put("a", "x");
    return storage.put("a", "x", { ifAbsent: true });
  },
  permission_denied: () => s3("denied").get("a"),
  quota_exceeded: () => new Storage(new MemoryBackend({ maxBytes: 10 })).put("a", "x".repeat(1000)),
  too_large: () => memory().put("a", "xx", { maxBytes: 1 }),
  unsupported_type: () => memory().put("a", "x", { policy: isImage }),
  infected: () =>
    memory().put("a", "x", {
      policy: {
        scan: {
          name: "test",
          maxBytes: 100,
          begin: async () => ({
            pass: async () => undefined,
            end: async () => ({ isClean: false, found: "Eicar" }),
            cancel: () => undefined,
          }),
          check: async () => undefined,
        },
      },
    }),
  checksum_mismatch: () => memory().put("a", "x", { checksum: "crc32:00000000" }),
  source_failed: () =>
    memory().put(
      "a",
      (async function* () {
        yield "x";
        throw new Error("the disk of the caller failed");
      })(),
    ),
  corrupt: async () => {
    const storage = new Storage(new Damaged());
    await storage.put("a", "correct");
    return storage.get("a");
  },
  aborted: () => memory().put("a", "x", { signal: AbortSignal.abort() }),
  timeout: () => s3("silent").get("a", { signal: AbortSignal.timeout(50) }),
  rate_limited: () => s3("slow").get("a"),
  unavailable: () => s3("any", "http://127.0.0.1:9").get("a"),
  unsupported: () => memory().getUrl("a"),
  configuration: async () => getStorage(Fastify()),
  unknown: () => s3("odd").get("a"),
  bad_request: () => http({ method: "POST", url: "/_storage/upload" }),
  unauthorized: () => http({ url: "/_storage/list" }, { authorize: bearerToken("t".repeat(32)) }),
  forbidden: () => http({ url: "/files/a" }),
  cross_site: () =>
    http({
      method: "DELETE",
      url: "/_storage/files/a",
      headers: { host: "localhost", "sec-fetch-site": "cross-site" },
    }),
  forwarded: () =>
    http({ url: "/_storage/list", headers: { host: "localhost", "x-forwarded-for": "192.0.2.1" } }),
  method_not_allowed: () => http({ method: "DELETE", url: "/files/a" }),
  misdirected: () => http({ url: "/_storage/list", headers: { host: "evil.example" } }),
  no_such_route: async () => {
    const app = await makeService();
    const answer = await app.inject("/nowhere");
    await app.close();
    throw answer.json();
  },
  request_timeout: async () => {
    const app = Fastify();
    app.addContentTypeParser("*", (_request, _payload, done) => done(null));
    const rate = { bytesPerSecond: 1000, windowMs: 50 };
    app.setErrorHandler(problemHandler(true));
    app.post("/", async ({ raw }) => {
      for await (const _piece of new RequestBody(raw, { maxBytes: 1000, envelopeBytes: 0 }, rate));
    });
    const origin = await app.listen({ port: 0, host: "127.0.0.1" });
    const body = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from("x")) });
    const answer = await fetch(origin, {
      method: "POST",
      body,
      duplex: "half",
      headers: { "content-type": "a/b" },
    } as RequestInit);
    const problem = JSON.parse(await answer.text());
    app.server.closeAllConnections();
    await app.close();
    throw problem;
  },
  uri_too_long: () => thrown(Object.assign(new Error("too long"), { statusCode: 414 })),
  internal: () => thrown(new Error("secret of the inside")),
  job_payload_invalid: async () => {
    const jobs = await easyJobs({ driver: "memory", jobs: [job] }, { env: {} });
    return jobs.queue.enqueue(job, { n: "none" } as never).finally(() => jobs.close());
  },
  job_unknown: async () => {
    const runner = new JobRunner([], "memory", silentLogger);
    const { signal } = new AbortController();
    const taken = { id: "1", name: "a", payload: {}, attempt: 1, signal, progress: async () => undefined };
    return runner.run(taken);
  },
  job_options_invalid: async () => defineJob("not a name", z.object({}), async () => undefined),
};

/** Codes that need a server or a process of their own: the test that meets each of them, and how it says so. */
const elsewhere: Readonly<Record<string, readonly [file: string, words: string]>> = {
  conflict: ["test/sql/crud.test.ts", '"conflict"'],
  gone: ["test/versioning/version.test.ts", '"gone"'],
  precondition_required: ["test/sql/crud.test.ts", "toBe(428)"],
  headers_too_large: ["test/cli/serve.test.ts", "headers_too_large"],
  overloaded: ["test/observability/load-shedding.test.ts", "overloaded"],
  outbox_missing: ["test/jobs/outbox-postgres.test.ts", "outbox_missing"],
  jobs_unavailable: ["test/faults/jobs-redis-away.test.ts", "jobs_unavailable"],
};

/** Codes of a helper's own, from the tables of its guide: `code` (status), or `code` of an error that has no status. */
const guides = readdirSync("docs/guide").map((name) => readFileSync(join("docs/guide", name), "utf8"));
const ofGuides = guides
  .flatMap((text) => [
    ...text.matchAll(/^\| ((?:`[a-z_]+`(?:, )?)+)(?: \.\.\.)? \((?:\d{3}|no status)\) \|/gm),
  ])
  .flatMap(([, cell = ""]) => [...cell.matchAll(/[a-z_]+/g)].map(([code]) => code));

it("every code that a guide names is a value that a test compares", () => {
  const tests = readdirSync("test", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.includes("node_modules"))
    .filter((name) => name !== "errors-provoked.test.ts")
    .map((name) => readFileSync(join("test", name), "utf8").toLowerCase());
  expect(ofGuides.length).toBeGreaterThan(38);
  expect(ofGuides.filter((code) => !tests.some((text) => text.includes(`"${code}"`)))).toEqual([]);
});

describe("every code of docs/errors.md is met by a test", () => {
  it("the tables have each of them, and no other", () => {
    const met = [...Object.keys(provoked), ...Object.keys(elsewhere)];
    expect(met.sort()).toEqual([...new Set(documented.map(({ code }) => code))].sort());
    expect(documented.filter(({ status }) => !(status >= 400 && status < 600))).toEqual([]);
  });

  it.each(Object.entries(provoked))("%s", async (code, call) => {
    const outcome = await call().then(
      () => "no error",
      (error: unknown) => error,
    );
    expect(outcome).toMatchObject({ code });
    expect(statusesOf(code)).toContain(statusOf(outcome));
  });

  it.each(Object.entries(elsewhere))("%s, in a test of its own", (_code, [file, words]) => {
    expect(readFileSync(file, "utf8")).toContain(words);
  });
});

/** The status of an answer, or the one that the problem handler makes of an error. */
function statusOf(outcome: unknown): number {
  const { status, statusCode, httpStatus } = Object(outcome);
  return status ?? httpStatus ?? statusCode;
}
