import { afterAll, beforeAll, expect, it } from "vitest";
import { startCeph } from "../rigs/ceph.js";
import { type ChromiumRig, startChromium } from "../rigs/chromium.js";
import type { S3Rig } from "../rigs/s3-rig.js";
import { CommandLine, freePort } from "./command-line.js";

const pixel =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
const image = { name: "dot.png", mimeType: "image/png", buffer: Buffer.from(pixel, "base64") };
const cli = new CommandLine();

let chromium: ChromiumRig;
let ceph: S3Rig;

beforeAll(async () => {
  [chromium, ceph] = await Promise.all([startChromium(), startCeph()]);
}, 120_000);

afterAll(async () => {
  await cli.dispose();
  await Promise.all([chromium.stop(), ceph.stop()]);
});

it("the page of a service on S3 uploads and shows files by the service alone, so that the bucket needs no CORS rules", async () => {
  const port = await freePort();
  const url = `http://localhost:${port}`;
  await cli.start(["serve"], { PORT: String(port), RATE_LIMIT_MAX: "0", ...ceph.env }).ready(url);
  const { page, complaints } = await chromium.openPage();
  const origins = new Set<string>();
  page.on("request", (request) => origins.add(new URL(request.url()).origin));
  const answer = await page.goto(url);
  await page.setInputFiles("#file", [image]);
  await expect.poll(() => page.locator("#uploads .done").textContent()).toBe("Stored as dot.png");
  const preview = page.locator("#files img");
  await expect.poll(() => preview.evaluate((element) => Reflect.get(element, "naturalWidth"))).toBe(1);
  expect([...origins]).toEqual([url]);
  expect(answer?.headers()["content-security-policy"]).toContain(`connect-src 'self' ${url};`);
  expect(complaints).toEqual([]);
});
