import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlobServiceClient } from "@azure/storage-blob";
import Fastify, { type FastifyInstance } from "fastify";
import type { Page } from "playwright-core";
import { addStorage, bearerToken, easyStorage } from "svc-infra";
import type { Storage } from "svc-infra/storage";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { freePort } from "../../cli/command-line.js";
import { startAzurite } from "../../rigs/azurite.js";
import { BlocksFromUrl } from "../../rigs/azurite-blocks-from-url.js";
import { startCeph } from "../../rigs/ceph.js";
import { type ChromiumRig, startChromium } from "../../rigs/chromium.js";
import { s3Request } from "../../rigs/s3-request.js";

/** Above 32 MiB an upload goes in parts where the service has such. */
const largeMiB = Number(process.env.UPLOAD_MIB ?? 40);
const maxBytes = 2 ** 30;
const client = "dist/storage/browser";
const folder = mkdtempSync(join(tmpdir(), "browser-upload-"));
let chromium: ChromiumRig;
let pages: Server;
let pagesUrl: string;
/** What the page uploads next. */
let content: Uint8Array;

beforeAll(async () => {
  chromium = await startChromium();
  const modules = new Set(readdirSync(client));
  pages = createServer(({ url = "" }, response) => {
    const name = url.replace("/browser/", "");
    const isModule = modules.has(name);
    response.setHeader("content-type", isModule ? "text/javascript" : "text/html");
    if (isModule) response.end(readFileSync(join(client, name)));
    else response.end(url.startsWith("/content/") ? content : readFileSync("test/storage/browser/page.html"));
  });
  const port = await freePort();
  pages.listen(port, "127.0.0.1");
  pagesUrl = `http://pages.localhost:${port}`;
});

afterAll(async () => {
  await chromium.stop();
  pages.close();
  rmSync(folder, { recursive: true });
});

/** Where the storage is, by environment, and that it has been told to let the page in. */
interface Place {
  readonly env: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

async function ceph(): Promise<Place> {
  const rig = await startCeph();
  const rule = `<AllowedOrigin>${pagesUrl}</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedHeader>*</AllowedHeader>`;
  const rules = `<CORSConfiguration><CORSRule>${rule}</CORSRule></CORSConfiguration>`;
  const answer = await s3Request(rig, "PUT", `/${rig.bucket}?cors`, rules);
  if (!answer.ok) throw new Error(`CORS rules: ${answer.status} ${await answer.text()}`);
  return rig;
}

async function azurite(): Promise<Place> {
  const rig = await startAzurite();
  const rule = { allowedOrigins: pagesUrl, allowedMethods: "PUT", allowedHeaders: "*", exposedHeaders: "" };
  const service = BlobServiceClient.fromConnectionString(rig.connectionString);
  await service.setProperties({ cors: [{ ...rule, maxAgeInSeconds: 60 }] });
  // Azurite lacks the verb by which more than 256 MiB are copied.
  const blocks = new BlocksFromUrl(rig);
  const env = { ...rig.env, STORAGE_AZURE_ENDPOINT: await blocks.start() };
  const stop = async () => {
    await blocks.stop();
    await rig.stop();
  };
  return { env, stop };
}

async function local(): Promise<Place> {
  const env = { STORAGE_BACKEND: "local", STORAGE_BASE_PATH: mkdtempSync(join(folder, "files-")) };
  return { env, stop: async () => undefined };
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

describe.each([
  { name: "Ceph in parts", prepare: ceph, way: "provider", files: "auto", sendsMiB: largeMiB },
  { name: "Azurite in parts", prepare: azurite, way: "provider", files: "auto", sendsMiB: largeMiB },
  { name: "a disk by signed requests", prepare: local, way: "/files/", files: "auto", sendsMiB: 8 },
  {
    name: "a disk that serves no files, by form",
    prepare: local,
    way: "/upload",
    files: false,
    sendsMiB: largeMiB,
  },
] as const)("a page on another site uploads to $name", ({ prepare, way, files, sendsMiB }) => {
  let place: Place;
  let app: FastifyInstance;
  let storage: Storage;
  let page: Page;
  let complaints: string[];
  let carriers: string[];

  beforeAll(async () => {
    place = await prepare();
    app = Fastify();
    storage = await addStorage(app, await easyStorage({ maxUploadBytes: maxBytes }, place.env), {
      authorize: bearerToken("secret"),
      allowOrigins: [pagesUrl],
      serveFiles: files,
      maxUploadBytes: maxBytes,
      policy: { types: ["image/*", "application/octet-stream"] },
    });
    const port = await freePort();
    await app.listen({ port, host: "127.0.0.1" });
    ({ page, complaints } = await chromium.openPage());
    carriers = [];
    page.on("request", (request) => {
      const { host, pathname } = new URL(request.url());
      if (request.method() === "OPTIONS" || host === new URL(pagesUrl).host) return;
      if (host !== `localhost:${port}`) carriers.push("provider");
      else carriers.push(pathname);
    });
    await page.goto(`${pagesUrl}/?endpoint=${encodeURIComponent(`http://localhost:${port}/_storage`)}`);
  });

  afterAll(async () => {
    await app.close();
    await place.stop();
  });

  /** Begins, and does not wait for the end. */
  const upload = async (name: string, bytes: Uint8Array) => {
    content = bytes;
    await page.evaluate(`void window.uploadContent(${JSON.stringify(name)})`);
  };
  const outcome = () => page.textContent("#outcome");
  const told = async () =>
    z.array(z.object({ sent: z.number(), total: z.number() })).parse(await page.evaluate("window.told"));

  it("with progress, and what is stored is what was sent", async () => {
    const bytes = randomBytes(sendsMiB * 2 ** 20);
    await upload("large.bin", bytes);
    await expect.poll(outcome, { timeout: 240_000 }).toBe(`stored large.bin ${bytes.byteLength}`);
    const progress = await told();
    expect(progress.at(-1)).toEqual({ sent: bytes.byteLength, total: bytes.byteLength });
    expect(progress.map(({ sent }) => sent)).toEqual(progress.map(({ sent }) => sent).sort((a, b) => a - b));
    expect(hashOf(await storage.get("large.bin"))).toBe(hashOf(bytes));
    expect(carriers.filter((path) => path.includes(way)).length).toBeGreaterThan(0);
    await storage.delete("large.bin");
  });

  it("can be cancelled, and nothing is stored", async () => {
    const session = await page.context().newCDPSession(page);
    const slow = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 200_000 };
    await session.send("Network.enable");
    await session.send("Network.emulateNetworkConditions", slow);
    await upload("slow.bin", randomBytes(2_000_000));
    await expect.poll(async () => (await told()).at(-1)).toMatchObject({ total: 2_000_000 });
    expect((await told()).at(-1)?.sent).toBeLessThan(2_000_000);
    await page.click("#cancel");
    await expect.poll(outcome).toMatch(/^AbortError/);
    await session.send("Network.emulateNetworkConditions", { ...slow, uploadThroughput: -1 });
    expect(await storage.listKeys()).toEqual([]);
  });

  it.skipIf(way === "/upload")(
    "although an answer is lost and the service is away for a moment",
    async () => {
      let asked = 0;
      await page.route("**/complete", async (route) => {
        if (route.request().method() !== "POST") return route.continue();
        asked += 1;
        // The first one is done, and its answer is lost.
        if (asked === 1) await route.fetch();
        if (asked < 3) return route.abort();
        if (asked > 3) return route.continue();
        return route.fulfill({ status: 503, headers: { "access-control-allow-origin": "*" }, body: "{}" });
      });
      await upload("again.bin", randomBytes(1000));
      await expect.poll(outcome).toBe("stored again.bin 1000");
      expect(asked).toBe(4);
      await page.unroute("**/complete");
      await storage.delete("again.bin");
    },
  );

  it.skipIf(way === "/upload")("and is told when the service stays away", async () => {
    let asked = 0;
    await page.route("**/complete", (route) => {
      if (route.request().method() === "POST") asked += 1;
      return route.abort();
    });
    await upload("away.bin", randomBytes(1000));
    await expect.poll(outcome).toMatch(/^UploadError 0 unreachable/);
    expect(asked).toBe(4);
    await page.unroute("**/complete");
    expect(await storage.listKeys()).toEqual([]);
  });

  it("and is told why a file was refused", async () => {
    await upload("picture.png", Buffer.from("<html><script>1</script></html>"));
    await expect.poll(outcome).toMatch(/^UploadError 415 unsupported_type content (?:is|of type) text\/html/);
    expect(await storage.listKeys()).toEqual([]);
    // The browser itself reports refusals; whatever else it says is a fault.
    expect(complaints.filter((text) => !/status of (?:415|501|503)|net::ERR_FAILED/.test(text))).toEqual([]);
  });
});
