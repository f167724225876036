import Fastify from "fastify";
import {
  addCache,
  addCrud,
  addEvents,
  addIdempotency,
  addJobs,
  addMail,
  addSqlDb,
  addTenancy,
  addWebhooks,
  bearerToken,
  defineEvent,
  defineJob,
  easyServiceApp,
  requireSignature,
  requireUser,
  version,
} from "svc-infra";
import { Cache } from "svc-infra/cache";
import { healthPlugin, joinHealth } from "svc-infra/health";
import { HealthRegistry } from "svc-infra/kernel";
import { ForeignClient } from "svc-infra/outbound";
import {
  announce,
  chaos,
  metrics,
  prefix,
  publicFiles,
  RetryBudget,
  retry,
  Storage,
  signing,
  stack,
  UrlSigner,
} from "svc-infra/storage";
import { AzureBackend } from "svc-infra/storage/azure";
import { CloudinaryBackend } from "svc-infra/storage/cloudinary";
import { runConformance } from "svc-infra/storage/conformance";
import { GcsBackend } from "svc-infra/storage/gcs";
import { MemoryBackend } from "svc-infra/storage/memory";
import { clamav } from "svc-infra/storage/policy";
import { S3Backend } from "svc-infra/storage/s3";
import { Tenancy } from "svc-infra/tenancy";
import {
  githubSignature,
  MemoryReceivedIds,
  slackSignature,
  standardWebhooks,
  stripeSignature,
} from "svc-infra/webhooks";
import { describe, expect, it } from "vitest";
import { z } from "zod";

/** A value that the types forbid, as JavaScript may give it. */
const any = (value: unknown) => value as never;
/** An option that nothing has, given to each call on its own. */
const extra = any({ env: {}, nonsense: 1 });
const nonsense = any({ nonsense: 1 });
const memory = new MemoryBackend();
const secrets = ["0123456789abcdef0123456789abcdef"];
const webhookSecret = `whsec_${Buffer.alloc(32).toString("base64")}`;

const calls: readonly [string, () => unknown][] = [
  ["new Storage", () => new Storage(memory, nonsense)],
  ["new UrlSigner", () => new UrlSigner(any({ baseUrl: "http://a", secrets, nonsense: 1 }))],
  ["retry", () => retry(nonsense)],
  ["chaos", () => chaos(nonsense)],
  ["stack", () => stack(nonsense)],
  ["publicFiles", () => publicFiles(any({ url: "http://a", nonsense: 1 }))],
  ["clamav", () => clamav(any({ host: "127.0.0.1", nonsense: 1 }))],
  ["withPolicy", () => new Storage(memory).withPolicy(nonsense)],
  ["runConformance", () => [...runConformance(any({ backend: memory, nonsense: 1 }))]],
  ["new Cache", () => new Cache(any({}), nonsense)],
  ["new ForeignClient", () => new ForeignClient(nonsense)],
  ["new HealthRegistry", () => new HealthRegistry(nonsense)],
  ["health.add", () => new HealthRegistry().add("a", () => true, nonsense)],
  ["healthPlugin", () => Fastify().register(healthPlugin, nonsense).ready()],
  ["joinHealth", () => joinHealth(Fastify(), "a", () => true, nonsense)],
  ["version", () => version(Fastify(), "v1", () => undefined, nonsense)],
  ["defineJob", () => defineJob("a", z.object({}), () => undefined, nonsense)],
  ["defineEvent", () => defineEvent("a.b", z.object({}), nonsense)],
  ["requireUser", () => requireUser(nonsense)],
  ["requireSignature", () => requireSignature(webhookSecret, nonsense)],
  ["standardWebhooks", () => standardWebhooks(webhookSecret, nonsense)],
  ["stripeSignature", () => stripeSignature("a", nonsense)],
  ["slackSignature", () => slackSignature("a", nonsense)],
  ["easyServiceApp", () => easyServiceApp(any({ name: "a", env: {}, nonsense: 1 }))],
  ["addCache", () => addCache(Fastify(), extra)],
  ["addTenancy", () => addTenancy(Fastify(), extra)],
  ["addIdempotency", () => addIdempotency(Fastify(), extra)],
  ["addEvents", () => addEvents(Fastify(), any({ events: [], nonsense: 1 }))],
  ["addCrud", () => addCrud(Fastify(), any({}), any({ authorize: "open", nonsense: 1 }))],
  ["addJobs", () => addJobs(Fastify(), extra)],
  ["addMail", () => addMail(Fastify(), extra)],
  ["addSqlDb", () => addSqlDb(Fastify(), extra)],
  ["addWebhooks", () => addWebhooks(Fastify(), extra)],
];

describe("an option that a call does not have is refused, not dropped in silence", () => {
  it.each(calls)("%s", async (_name, call) => {
    const error = await errorOf(call);
    expect(error.code).toMatch(/^(?:configuration|job_options_invalid)$/);
    expect(error.message).toMatch(/nonsense.*(?:it takes|known|expected one of) /);
    expect(error.message).not.toContain("\n");
  });
});

const wrong: readonly [string, () => unknown, RegExp][] = [
  ["no backend", () => new Storage(any(undefined)), /^new Storage takes a backend, as in new Storage\(/],
  ["a name for a backend", () => new Storage(any("s3")), /easyStorage makes a storage from the environment/],
  ["null for options", () => new Storage(memory, any(null)), /\{ maxBytes: \.\.\. \}, not null/],
  ["text for a limit", () => new Storage(memory, any({ maxBytes: "5MB" })), /maxBytes must be a number/],
  ["options in place of a layer", () => new Storage(memory).with(any({})), /storage\.with\(retry\(\)/],
  ["no options", () => new UrlSigner(any(undefined)), /\{ baseUrl: \.\.\. \}, not undefined/],
  ["one secret", () => new UrlSigner(any({ baseUrl: "/", secret: "a" })), /write secrets: \[secret\]/],
  ["no secrets", () => new UrlSigner(any({ baseUrl: "/" })), /needs the option 'secrets'/],
  [
    "text for secrets",
    () => new UrlSigner(any({ baseUrl: "/", secrets: "a" })),
    /takes an array .*'secrets'/,
  ],
  [
    "text for attempts",
    () => retry(any({ attempts: "4" })),
    /a number as the option 'attempts', not a string/,
  ],
  ["retries", () => retry(any({ retries: 3 })), /write attempts/],
  ["a sink without methods", () => metrics(nonsense), /methods operation and fileSize/],
  ["news without methods", () => announce(nonsense), /methods created and deleted/],
  ["no signer", () => signing(nonsense), /signing\(new UrlSigner/],
  ["a number for a prefix", () => prefix(any(7)), /key must be a string/],
  ["options for a budget", () => new RetryBudget(nonsense), /new RetryBudget\(100\)/],
  ["no function for an API", () => version(Fastify(), "v1", nonsense), /version\(app, "v1", async \(v1\)/],
  ["no events", () => addEvents(Fastify(), any({})), /needs the option 'events'/],
  ["no options of rows", () => addCrud(Fastify(), any({}), any(undefined)), /\{ authorize: \.\.\. \}/],
  ["options for ids", () => new MemoryReceivedIds(nonsense), /new MemoryReceivedIds\(900_000/],
  ["a header for a resolver", () => new Tenancy(any("x-tenant"), undefined), /new Tenancy\(\(request\)/],
  ["ttl", () => new Cache(any({}), any({ ttl: 3 })), /write ttlSeconds/],
  ["a number for a bucket", () => new S3Backend(any({ bucket: 7 })), /a string .*'bucket', not a number/],
  ["an object for a token", () => bearerToken(nonsense), /a bearer token must be text/],
  ["no number", () => new Cache(any({}), { ttlSeconds: Number.NaN }), /a finite number as .*'ttlSeconds'/],
  ["no end", () => new ForeignClient({ maxResponseBytes: Number.POSITIVE_INFINITY }), /a finite number/],
  ["a tolerance that is no number", () => stripeSignature("a", { toleranceSeconds: Number.NaN }), /a finite/],
  ["a tolerance of a year", () => slackSignature("a", { toleranceSeconds: 31_536_000 }), /from 1 to 86400/],
  ["no limit", () => requireSignature(webhookSecret, { maxBytes: Number.NaN }), /a finite .*'maxBytes'/],
  ["a negative limit", () => requireSignature(webhookSecret, { maxBytes: -1 }), /a number from 1 to/],
  ["no secret", () => requireSignature(any(undefined)), /is the variable of a secret not set\?/],
  ["an empty secret", () => stripeSignature(""), /^stripeSignature.* needs a secret .*variable not set\?/],
  [
    "no second secret",
    () => githubSignature(any(["a", undefined])),
    /^githubSignature.* takes secrets as text/,
  ],
  ["a secret of another scheme", () => requireSignature("whsec_short"), /^standardWebhooks.*24 to 64 bytes/],
  [
    "ids that are forgotten before a message expires",
    () => requireSignature(webhookSecret, { receivedIds: new MemoryReceivedIds(599_999) }),
    /remember for 600000 ms at least/,
  ],
  [
    "no idle time",
    () => new S3Backend({ bucket: "a", idleBodyMs: 0 }),
    /from 1 to 2147483647 .*'idleBodyMs'/,
  ],
  [
    "half a connection",
    () => new S3Backend({ bucket: "a", maxConnections: 0.5 }),
    /whole number .*'maxConnections'/,
  ],
  [
    "no connection",
    () => new S3Backend({ bucket: "a", maxConnections: 0 }),
    /from 1 to 65535 .*'maxConnections'/,
  ],
  [
    "parts below the least",
    () => new S3Backend({ bucket: "a", partBytes: 1 }),
    /from 5242880 to .*'partBytes'/,
  ],
  ["no part at once", () => new S3Backend({ bucket: "a", partsAtOnce: 0 }), /from 1 to 1000 .*'partsAtOnce'/],
  ["an idle time of months", () => new GcsBackend({ bucket: "a", idleBodyMs: 1e10 }), /'idleBodyMs'/],
  ["no idle time of Azure", () => new AzureBackend({ container: "abc", idleBodyMs: 0 }), /'idleBodyMs'/],
  [
    "small blocks",
    () => new AzureBackend({ container: "abc", blockBytes: 1 }),
    /from 65536 to .*'blockBytes'/,
  ],
  [
    "101 blocks",
    () => new AzureBackend({ container: "abc", blocksAtOnce: 101 }),
    /1 to 100 .*'blocksAtOnce'/,
  ],
  ["no idle time of Cloudinary", () => new CloudinaryBackend({ idleBodyMs: -1 }), /'idleBodyMs'/],
  ["no connection of Cloudinary", () => new CloudinaryBackend({ maxConnections: 0 }), /'maxConnections'/],
  ["small chunks", () => new CloudinaryBackend({ chunkBytes: 1 }), /from 5242880 to .*'chunkBytes'/],
  ["a port in text", () => clamav(any({ host: "a", port: "1" })), /a number .*'port', not a string/],
];

describe("a value of the wrong type is one sentence that says what to write instead", () => {
  it.each(wrong)("%s", async (_what, call, message) => {
    const error = await errorOf(call);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain("\n");
  });

  it("which shows no value, as it may be a secret", async () => {
    const secretKey = ["a-secret-that-nobody-may-see"];
    const { message } = await errorOf(() => new S3Backend(any({ bucket: "files", secretKey })));
    expect(message).toMatch(/takes a string as the option 'secretKey', not an array/);
    expect(message).not.toContain("nobody-may-see");
  });
});

it("an option that is undefined counts as left out", () => {
  expect(() => new Storage(memory, any({ nonsense: undefined }))).not.toThrow();
});

async function errorOf(call: () => unknown): Promise<{ readonly code?: string; readonly message: string }> {
  return (async () => call())().then(
    () => ({ message: "no error" }),
    (error: unknown) => error as Error,
  );
}
