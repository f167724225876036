import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { BlobServiceClient } from "@azure/storage-blob";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { freePort } from "../cli/command-line.js";
import { startAzurite } from "../rigs/azurite.js";
import { startCeph } from "../rigs/ceph.js";
import { type ChromiumRig, startChromium } from "../rigs/chromium.js";
import { s3Request } from "../rigs/s3-request.js";
import { NewcomerProject } from "./newcomer-project.js";

/** A storage that an environment names, ready for pages of another site. */
interface Place {
  readonly env: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

const uploadUrl = z.object({
  url: z.string().optional(),
  code: z.string().optional(),
  message: z.string().optional(),
});
const openapi = z.object({ paths: z.record(z.string(), z.unknown()) });
const listed = z.object({ items: z.array(z.object({ size: z.number(), lastModified: z.string() })) });
const apiToken = "a-token-that-has-more-than-thirty-two-letters";
const named = z.object({ key: z.string(), url: z.string() });
const client = "node_modules/svc-infra/dist/storage";
const project = new NewcomerProject();
const minutes = 60_000;
let chromium: ChromiumRig;
let pages: Server;
let pagesUrl: string;

beforeAll(async () => {
  project.install();
  chromium = await startChromium();
  const html = readFileSync("test/package/newcomer/page.html");
  // The page's site serves the client of the package that was installed.
  pages = createServer(({ url = "" }, response) => {
    const isClient = url.startsWith("/browser/");
    response.setHeader("content-type", isClient ? "text/javascript" : "text/html");
    response.end(isClient ? readFileSync(join(project.folder, client, url)) : html);
  });
  const port = await freePort();
  pages.listen(port, "127.0.0.1");
  pagesUrl = `http://pages.localhost:${port}`;
}, 6 * minutes);

afterAll(async () => {
  await chromium.stop();
  pages.close();
  project.dispose();
});

describe("a newcomer's strict project", () => {
  it("compiles with TypeScript 5.9 and 6, resolved as Node and as a bundler does", {
    timeout: 8 * minutes,
  }, async () => {
    for (const version of [5, 6] as const) {
      expect([version, await project.compile(version, "bundler")]).toEqual([version, ""]);
      expect([version, await project.compile(version, "nodenext")]).toEqual([version, ""]);
    }
  });

  it("has the storage on https, on http2, on both, and with zod's type provider", () => {
    expect(JSON.parse(project.output("servers.js"))).toEqual(Array(4).fill('["a.txt"]'));
  });
});

async function local(appUrl: string): Promise<Place> {
  const env = {
    STORAGE_BACKEND: "local",
    STORAGE_BASE_PATH: join(project.folder, "files"),
    STORAGE_BASE_URL: `${appUrl}/files`,
    STORAGE_PUBLIC_URL: `${appUrl}/files`,
  };
  return { env, stop: async () => undefined };
}

async function ceph(): Promise<Place> {
  const rig = await startCeph();
  const rule = `<AllowedOrigin>${pagesUrl}</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedHeader>*</AllowedHeader>`;
  const cors = `<CORSConfiguration><CORSRule>${rule}</CORSRule></CORSConfiguration>`;
  const policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: "*",
        Action: "s3:GetObject",
        Resource: `arn:aws:s3:::${rig.bucket}/public/*`,
      },
    ],
  });
  for (const [query, body] of [
    ["cors", cors],
    ["policy", policy],
  ] as const) {
    const answer = await s3Request(rig, "PUT", `/${rig.bucket}?${query}`, body);
    if (!answer.ok) throw new Error(`${query}: ${answer.status} ${await answer.text()}`);
  }
  const env = { ...rig.env, STORAGE_PUBLIC_URL: `${rig.endpoint}/${rig.bucket}` };
  return { env, stop: rig.stop };
}

async function azurite(): Promise<Place> {
  const rig = await startAzurite();
  const service = BlobServiceClient.fromConnectionString(rig.connectionString);
  const rule = { allowedOrigins: pagesUrl, allowedMethods: "PUT", allowedHeaders: "*", exposedHeaders: "" };
  await service.setProperties({ cors: [{ ...rule, maxAgeInSeconds: 60 }] });
  const container = "svc-infra";
  await service.getContainerClient(container).setAccessPolicy("blob");
  return { env: { ...rig.env, STORAGE_PUBLIC_URL: `${rig.endpoint}/${container}` }, stop: rig.stop };
}

/** A picture that no compression makes small. */
async function picture(side: number): Promise<Buffer> {
  const create = { width: side, height: side, channels: 3, background: "teal" } as const;
  const noise = { type: "gaussian", mean: 128, sigma: 60 } as const;
  return sharp({ create: { ...create, noise } })
    .png()
    .toBuffer();
}

describe.each([
  ["local", local],
  ["Ceph", ceph],
  ["Azurite", azurite],
])("the same app on %s, by its environment alone", (name, prepare) => {
  let place: Place;
  let appUrl: string;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    const port = await freePort();
    appUrl = `http://localhost:${port}`;
    place = await prepare(appUrl);
    await project.start(appUrl, { ...place.env, PORT: String(port), PAGES: pagesUrl, API_TOKEN: apiToken });
    ({ page, complaints } = await chromium.openPage());
    await page.goto(`${pagesUrl}/?app=${encodeURIComponent(appUrl)}`);
  }, 3 * minutes);

  afterAll(() => place.stop());

  const outcome = () => page.textContent("#outcome");
  const widths = () =>
    page
      .locator("#shown img")
      .evaluateAll((images) => images.map((each) => Reflect.get(each, "naturalWidth")));

  it("a form on another site uploads, and its images are shown there", async () => {
    const photos = await Promise.all(
      [40, 50].map(async (side) => ({
        name: `Sömmer ${side}.png`,
        mimeType: "image/png",
        buffer: await picture(side),
      })),
    );
    await page.setInputFiles("[name=photos]", photos);
    await page.click("button");
    await expect.poll(outcome).toBe("Summer: 2 stored");
    await expect.poll(widths).toEqual([40, 50]);
    expect(complaints).toEqual([]);
  });

  it("lists stable URLs, and what is signed into them is how they are cached", async () => {
    const list = async () => (await fetch(`${appUrl}/photos`)).json();
    const first = await list();
    expect(first).toHaveLength(2);
    expect(await list()).toEqual(first);
    const [photo] = z.array(named).parse(first);
    const answer = await fetch(photo?.url ?? "");
    expect([answer.status, answer.headers.get("cache-control")]).toEqual([200, "private, max-age=600"]);
  });

  it("downloads what was uploaded, with its type, name and description", async () => {
    const [photo] = z.array(named).parse(await (await fetch(`${appUrl}/photos`)).json());
    const answer = await fetch(`${appUrl}/${photo?.key}`);
    expect(answer.headers.get("content-type")).toBe("image/png");
    expect(decodeURIComponent(answer.headers.get("x-filename") ?? "")).toBe("Sömmer 40.png");
    expect(answer.headers.get("x-kept")).toBe("private, max-age=60");
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(answer.headers.get("x-bytes")).toBe(String(bytes.byteLength));
    expect((await sharp(bytes).metadata()).width).toBe(40);
  });

  it("takes a direct upload by a signed request, with progress", async () => {
    const buffer = await picture(1200);
    await page.setInputFiles("#direct", [{ name: "direct.png", mimeType: "image/png", buffer }]);
    await expect.poll(outcome).toBe("stored photos/direct.png");
    await expect.poll(widths).toContain(1200);
    expect(await page.evaluate("window.progress.at(-1)")).toBe(1);
    expect(complaints).toEqual([]);
  });

  it("saves a file under a name that the signed URL gives it", async () => {
    const answer = await fetch(`${appUrl}/photos/direct.png/download`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-disposition")).toMatch(
      /^attachment;.*filename\*=UTF-8''F%C3%BCr%20dich/,
    );
    expect((await sharp(Buffer.from(await answer.arrayBuffer())).metadata()).width).toBe(1200);
  });

  it("lists folders, and every key", async () => {
    const folders = await (await fetch(`${appUrl}/folders`)).json();
    expect(folders).toEqual({ files: [], folders: ["photos/"], isAll: true });
    const keys = z.array(z.string()).parse(await (await fetch(`${appUrl}/keys`)).json());
    expect(keys).toHaveLength(3);
    expect(keys).toContain("photos/direct.png");
  });

  it("lists folders, sizes and dates over HTTP to whom it lets", async () => {
    const list = (query: string, headers = {}) => fetch(`${appUrl}/_storage/list${query}`, { headers });
    expect((await list("")).status).toBe(401);
    const authorization = `Bearer ${apiToken}`;
    expect(await (await list("?delimiter=/", { authorization })).json()).toMatchObject({
      keys: [],
      prefixes: ["photos/"],
    });
    const { items } = listed.parse(
      await (await list("?prefix=photos/&details=true", { authorization })).json(),
    );
    expect(items).toHaveLength(3);
    for (const { size, lastModified } of items) {
      expect(size).toBeGreaterThan(0);
      expect(Math.abs(Date.now() - Date.parse(lastModified))).toBeLessThan(60 * minutes);
    }
  });

  it("has a second storage beside it", async () => {
    const draft = await (await fetch(`${appUrl}/drafts`, { method: "POST" })).json();
    expect(draft).toEqual({ size: 7, hasUrl: false, isOwn: true });
  });

  it("signs one PUT, or says what to write where the provider signs none", async () => {
    const answer = uploadUrl.parse(await (await fetch(`${appUrl}/upload-url`, { method: "POST" })).json());
    if (name === "Azurite") {
      expect(answer).toMatchObject({ code: "unsupported", message: expect.stringContaining("serveFiles") });
      return;
    }
    const put = (type: string) =>
      fetch(answer.url ?? "", { method: "PUT", headers: { "content-type": type }, body: "a note" });
    expect((await put("text/html")).status).toBe(403);
    expect((await put("text/plain")).ok).toBe(true);
    expect(await (await fetch(`${appUrl}/keys`)).json()).toContain("inbox/note.txt");
  });

  it("describes the routes of the storage to swagger", async () => {
    const { paths } = openapi.parse(await (await fetch(`${appUrl}/openapi`)).json());
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(["/_health/storage", "/_storage/list", "/_storage/upload", "/photos", "/keys"]),
    );
    expect(Object.keys(paths)).not.toContain("/openapi");
  });

  it("has public files under a URL without a signature, which the page on the other site shows", async () => {
    const { url } = named.parse(await (await fetch(`${appUrl}/logo`, { method: "POST" })).json());
    expect(new URL(url).search).toBe("");
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/gif"]);
    expect(
      Buffer.from(await answer.arrayBuffer())
        .subarray(0, 3)
        .toString(),
    ).toBe("GIF");
    expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    const image = `Object.assign(new Image(), { src: ${JSON.stringify(url)} })`;
    const width = `(async (image) => (await image.decode(), image.naturalWidth))(${image})`;
    expect(await page.evaluate(width)).toBe(1);
    expect(complaints).toEqual([]);
  });

  it("says of each mistake in one sentence what to write instead", async () => {
    const told = z.record(z.string(), z.string()).parse(await (await fetch(`${appUrl}/refusals`)).json());
    expect(told).toEqual({
      twice: expect.stringContaining('{ decorator: "archive"'),
      "a name": expect.stringContaining('easyStorage({ backend: "s3" })'),
      "options of another library": expect.stringMatching(/'credentials'.*accessKey, secretKey/),
      "no bucket": expect.stringContaining("needs the option 'bucket'"),
      "no backend": expect.stringContaining("new Storage(new MemoryBackend())"),
      "a misspelled option": expect.stringMatching(/no option .cacheControll.; it takes .*cacheControl/),
      "an option of S3": expect.stringMatching(/no option .expires.; it takes expiresIn/),
    });
    expect(Object.values(told).filter((message) => message.includes("\n"))).toEqual([]);
  });

  it("refuses what the route does not take, deletes, and tells what is missing", async () => {
    const text = { name: "a.png", mimeType: "image/png", buffer: Buffer.from("<html>") };
    await page.setInputFiles("[name=photos]", [text]);
    await page.click("button");
    await expect.poll(outcome).toMatch(/^415 /);
    expect((await fetch(`${appUrl}/photos/direct.png`, { method: "DELETE" })).status).toBe(204);
    expect((await fetch(`${appUrl}/photos/direct.png`, { method: "DELETE" })).status).toBe(404);
    expect(await (await fetch(`${appUrl}/wrong`)).json()).toEqual({ code: "not_found", isOne: true });
  });
});
