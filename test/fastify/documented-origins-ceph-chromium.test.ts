import { readFileSync } from "node:fs";
import { BlobServiceClient } from "@azure/storage-blob";
import cors from "@fastify/cors";
import Fastify, { type FastifyInstance } from "fastify";
import type { Page } from "playwright-core";
import { addStorage, easyStorage, getStorage } from "svc-infra";
import type { Storage } from "svc-infra/storage";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { runDocumentedCode } from "../documented-code.js";
import { startAzurite } from "../rigs/azurite.js";
import { startCeph } from "../rigs/ceph.js";
import { type ChromiumRig, startChromium } from "../rigs/chromium.js";
import { s3Request } from "../rigs/s3-request.js";

/** The origin that the page of the documentation allows, and one that it does not. */
const origin = "https://www.example.com";
const stranger = "https://evil.example";
const blank = "<!doctype html><link rel=icon href='data:,'><img alt=''>";
const documented = readFileSync("docs/guide/origins.md", "utf8");
const corsRules = z.array(
  z.object({
    AllowedOrigins: z.array(z.string()),
    AllowedMethods: z.array(z.string()),
    AllowedHeaders: z.array(z.string()),
    ExposeHeaders: z.array(z.string()),
  }),
);

let chromium: ChromiumRig;

beforeAll(async () => {
  chromium = await startChromium();
});
afterAll(() => chromium.stop());

function block(language: string): string {
  const [, text = ""] = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "s").exec(documented) ?? [];
  return text;
}

/** A page of an origin; the browser is told that it came from there. */
async function pageOf(address: string, headers: Record<string, string> = {}): Promise<Page> {
  const { page } = await chromium.openPage();
  await page.route(`${address}/`, (route) =>
    route.fulfill({ contentType: "text/html", body: blank, headers }),
  );
  await page.goto(`${address}/`);
  return page;
}

/** Runs the documented code of the page with the address of the service in it. */
async function runIn(page: Page, service: string, lines = 4): Promise<string> {
  const written = block("js").split("\n").slice(0, lines).join("\n");
  const code = written.replace("https://files.example.com", service);
  return page.evaluate(`(async () => { ${code} })().then(() => "done", String)`);
}

async function show(page: Page, url: string): Promise<void> {
  await page.evaluate(`document.querySelector("img").src = ${JSON.stringify(url)}`);
}

const shown = (page: Page) =>
  page
    .locator("img")
    .evaluate((image) => [Reflect.get(image, "complete"), Reflect.get(image, "naturalWidth")]);

async function listen(app: FastifyInstance): Promise<string> {
  return (await app.listen({ port: 0, host: "127.0.0.1" })).replace("127.0.0.1", "localhost");
}

async function urlOf(service: string): Promise<string> {
  return z.object({ url: z.string() }).parse(await (await fetch(`${service}/album`)).json()).url;
}

describe("files of the service, as documented", () => {
  let app: FastifyInstance;
  let service: string;

  beforeEach(async () => {
    vi.stubEnv("STORAGE_BACKEND", "memory");
    app = (await runDocumentedCode("docs/guide/origins.md", 0)).app as FastifyInstance;
    service = await listen(app);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await app.close();
  });

  it("a page of an allowed origin shows, fetches and uploads", async () => {
    const page = await pageOf(origin);
    expect(await runIn(page, service)).toBe("done");
    await expect.poll(() => shown(page)).toEqual([true, 1]);
    const storage = getStorage(app);
    expect(await storage.get("album/2.png")).toEqual(await storage.get("album/1.png"));
  });

  it("a page of another origin shows what it has a URL for, and fetches nothing", async () => {
    const page = await pageOf(stranger);
    expect(await runIn(page, service)).toMatch(/TypeError: Failed to fetch/);
    await show(page, await urlOf(service));
    await expect.poll(() => shown(page)).toEqual([true, 1]);
  });

  it("a page with Cross-Origin-Embedder-Policy shows them, unless resourcePolicy narrows it", async () => {
    const narrow = Fastify();
    const storage = await addStorage(narrow, await easyStorage({ backend: "memory" }, {}), {
      serveFiles: true,
      resourcePolicy: "same-origin",
    });
    try {
      await listen(narrow);
      const embedder = { "cross-origin-embedder-policy": "require-corp" };
      const page = await pageOf(origin, embedder);
      await show(page, await urlOf(service));
      await expect.poll(() => shown(page)).toEqual([true, 1]);
      const copy = await storage.put("1.png", await getStorage(app).get("album/1.png"));
      await show(page, copy.url ?? "");
      await expect.poll(() => shown(page)).toEqual([true, 0]);
    } finally {
      await narrow.close();
    }
  });
});

/** A bucket, and how it gets the documented rules. */
interface Bucket {
  readonly env: Readonly<Record<string, string>>;
  readonly allow: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

async function ceph(): Promise<Bucket> {
  const rig = await startCeph();
  const tags = (tag: string, texts: readonly string[]) =>
    texts.map((text) => `<${tag}>${text}</${tag}>`).join("");
  const allow = async () => {
    const rules = corsRules
      .parse(JSON.parse(block("json")))
      .map(
        (rule) =>
          `<CORSRule>${tags("AllowedOrigin", rule.AllowedOrigins)}${tags("AllowedMethod", rule.AllowedMethods)}${tags("AllowedHeader", rule.AllowedHeaders)}${tags("ExposeHeader", rule.ExposeHeaders)}</CORSRule>`,
      );
    const body = `<CORSConfiguration>${rules.join("")}</CORSConfiguration>`;
    const answer = await s3Request(rig, "PUT", `/${rig.bucket}?cors`, body);
    if (!answer.ok) throw new Error(`cors: ${answer.status} ${await answer.text()}`);
  };
  return { env: rig.env, allow, stop: rig.stop };
}

/** What the documented command of `az` sends. */
async function azurite(): Promise<Bucket> {
  const rig = await startAzurite();
  const [, methods = "", allowedOrigins = "", allowedHeaders = ""] =
    /az storage cors add .*--methods ([A-Z ]+) --origins (\S+) --allowed-headers '([^']+)'/.exec(
      documented,
    ) ?? [];
  const allow = async () => {
    const rule = { allowedOrigins, allowedMethods: methods.replaceAll(" ", ","), allowedHeaders };
    const service = BlobServiceClient.fromConnectionString(rig.connectionString);
    await service.setProperties({ cors: [{ ...rule, exposedHeaders: "", maxAgeInSeconds: 60 }] });
  };
  return { env: rig.env, allow, stop: rig.stop };
}

describe.each([
  ["Ceph", ceph, 4],
  // Azure signs no PUT: its last line is that of a direct upload.
  ["Azurite", azurite, 3],
] as const)("files of a bucket in %s", (_name, start, lines) => {
  let bucket: Bucket;
  let app: FastifyInstance;
  let storage: Storage;
  let service: string;

  beforeAll(async () => {
    bucket = await start();
    app = Fastify();
    await app.register(cors, { origin });
    storage = await addStorage(app, await easyStorage({}, bucket.env));
    const [, dot = ""] = /const dot = "([^"]+)"/.exec(documented) ?? [];
    app.get("/album", async () => {
      const { url } = await storage.put("album/1.png", Buffer.from(dot, "base64"));
      const { signPut } = storage.capabilities;
      const options = { contentType: "image/png", expiresIn: 600 };
      return { url, upload: signPut ? await storage.getUploadUrl("album/2.png", options) : undefined };
    });
    service = await listen(app);
  });
  afterAll(async () => {
    await app.close();
    await bucket.stop();
  });

  it("need no rule to be shown, and the documented ones for all else", async () => {
    const page = await pageOf(origin);
    expect(await runIn(page, service, lines)).toMatch(/TypeError: Failed to fetch/);
    await expect.poll(() => shown(page)).toEqual([true, 1]);
    await bucket.allow();
    const another = await pageOf(origin);
    await expect.poll(() => runIn(another, service, lines)).toBe("done");
    const uploads = storage.capabilities.signPut ? [await storage.get("album/2.png")] : [];
    for (const upload of uploads) expect(upload).toEqual(await storage.get("album/1.png"));
    expect(await runIn(await pageOf(stranger), service, lines)).toMatch(/TypeError: Failed to fetch/);
  });
});
