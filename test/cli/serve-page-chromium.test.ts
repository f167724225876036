import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type ChromiumRig, startChromium } from "../rigs/chromium.js";
import { CommandLine, freePort } from "./command-line.js";

const pixel =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
const image = { name: "a dot.png", mimeType: "image/png", buffer: Buffer.from(pixel, "base64") };
const text = { name: "hello.txt", mimeType: "text/plain", buffer: Buffer.from("Hello") };

const put = { method: "PUT", body: "a", headers: { "content-type": "text/plain" } };

let rig: ChromiumRig;
let cli: CommandLine;
let url: string;

beforeAll(async () => {
  rig = await startChromium();
});
afterAll(() => rig.stop());
beforeEach(() => {
  cli = new CommandLine();
});
afterEach(() => cli.dispose());

async function open(env: Record<string, string> = {}) {
  const port = await freePort();
  url = `http://localhost:${port}`;
  await cli.start(["serve"], { PORT: String(port), RATE_LIMIT_MAX: "0", ...env }).ready(url);
  const { page, complaints } = await rig.openPage();
  const hosts = new Set<string>();
  const paths: string[] = [];
  page.on("request", (request) => {
    const { host, pathname } = new URL(request.url());
    hosts.add(host);
    paths.push(pathname);
  });
  await page.goto(url);
  return { page, complaints, hosts, paths };
}

/** Bytes a second that the page sends at most. */
async function limitUpload(page: Page, uploadThroughput: number): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  const conditions = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput };
  await session.send("Network.emulateNetworkConditions", conditions);
}

function files(page: Page) {
  return page.locator("#files li");
}

describe("the page at /", () => {
  it("tells the backend and why, and sends requests to the service only", async () => {
    const { page, complaints, hosts } = await open();
    expect(await page.title()).toBe("svc-infra: a file service");
    const intro = await page.locator(".intro").textContent();
    expect(intro).toContain("LocalBackend: nothing is set, so serve keeps files in ./.data/storage");
    await expect.poll(() => page.locator("#state").textContent()).toBe("None yet.");
    expect(await page.locator("dt").allTextContents()).toEqual(
      expect.arrayContaining(["storage", "environment", "rate limit", "off"]),
    );
    expect(await page.getByRole("link", { name: "API docs" }).getAttribute("href")).toBe("/docs");
    expect([...hosts]).toEqual([new URL(url).host]);
    expect(complaints).toEqual([]);
  });

  it("uploads files, shows the last ones with a preview, and a link that works", async () => {
    const { page, complaints } = await open();
    await page.setInputFiles("#file", [text, image]);
    await expect.poll(() => files(page).count()).toBe(2);
    expect(await files(page).first().textContent()).toContain("a-dot.png");
    const preview = page.locator("#files img");
    await expect.poll(() => preview.evaluate((element) => Reflect.get(element, "naturalWidth"))).toBe(1);
    const [opened] = await Promise.all([
      page.context().waitForEvent("page"),
      page.getByRole("link", { name: "hello.txt" }).click(),
    ]);
    expect(await opened.textContent("body")).toBe("Hello");
    expect(complaints).toEqual([]);
  });

  it("shows what was just uploaded also where a list has only the first of many keys", async () => {
    const { page, complaints } = await open({ STORAGE_BACKEND: "memory" });
    const before = Array.from({ length: 1005 }, (_, index) => `a${index}`);
    while (before.length > 0) {
      const puts = before.splice(0, 50).map((key) => fetch(`${url}/_storage/files/${key}`, put));
      expect((await Promise.all(puts)).every(({ ok }) => ok)).toBe(true);
    }
    await page.reload();
    const state = "More than 1000 files: the newest of the first 1000, and your uploads";
    await expect.poll(() => page.locator("#state").textContent()).toBe(state);
    await page.setInputFiles("#file", [
      { ...text, name: "z one.txt" },
      { ...image, name: "z.png" },
    ]);
    await expect.poll(() => files(page).first().textContent()).toContain("z.png");
    expect(await files(page).nth(1).textContent()).toContain("z-one.txt");
    expect(await files(page).count()).toBe(12);
    await fetch(`${url}/_storage/files/z.png`, { method: "DELETE" });
    await page.setInputFiles("#file", [{ ...text, name: "z two.txt" }]);
    await expect.poll(() => files(page).first().textContent()).toContain("z-two.txt");
    expect(await files(page).nth(1).textContent()).toContain("z-one.txt");
    // The browser itself reports that the deleted one is gone.
    expect(complaints).toEqual([expect.stringContaining("404")]);
  }, 60_000);

  it("asks for new links before those that are shown expire", async () => {
    const { page, complaints, paths } = await open();
    await page.setInputFiles("#file", [text]);
    await expect.poll(() => files(page).count()).toBe(1);
    await page.clock.install();
    await page.reload();
    await expect.poll(() => files(page).count()).toBe(1);
    const signed = () => paths.filter((path) => path.endsWith("/sign")).length;
    const before = signed();
    await page.clock.fastForward("28:00");
    await page.clock.runFor(1);
    expect(signed()).toBe(before);
    await page.clock.fastForward("03:00");
    await expect.poll(signed).toBe(before + 1);
    expect(await files(page).count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  it("shows how far an upload has come, and can cancel it", async () => {
    const { page, complaints } = await open();
    await limitUpload(page, 1_000_000);
    const large = {
      name: "large.bin",
      mimeType: "application/octet-stream",
      buffer: Buffer.alloc(4_000_000),
    };
    await page.setInputFiles("#file", large);
    const progress = page.getByRole("progressbar", { name: "Upload of large.bin" });
    const done = () => progress.evaluate((bar) => Reflect.get(bar, "value") / Reflect.get(bar, "max"));
    await expect.poll(done).toBeGreaterThan(0);
    expect(await done()).toBeLessThan(1);
    await page.getByRole("button", { name: "Cancel large.bin" }).click();
    await expect.poll(() => page.locator("#uploads").textContent()).toContain("Cancelled");
    expect(await (await fetch(`${url}/_storage/list`)).json()).toMatchObject({ count: 0 });
    expect(complaints).toEqual([]);
  });

  it("shows why a file was refused: by the service, and by its size before it is sent", async () => {
    const { page, complaints, paths } = await open({
      STORAGE_ALLOWED_TYPES: "image/*",
      STORAGE_MAX_UPLOAD_BYTES: "1000",
    });
    await page.setInputFiles("#file", [{ ...image, buffer: Buffer.from("<script>") }]);
    await expect.poll(() => page.locator(".reason").last().textContent()).toMatch(/content is text\/html/);
    await page.setInputFiles("#file", [{ ...image, buffer: Buffer.alloc(2000) }]);
    await expect
      .poll(() => page.locator("#uploads .reason").first().textContent())
      .toBe("It has 2 kB, and this service takes 1 kB at most.");
    expect(paths.filter((path) => path === "/_storage/uploads")).toHaveLength(1);
    // The browser itself reports the refusal, and nothing else.
    expect(complaints).toEqual([expect.stringContaining("415")]);
  });

  it("can be used without a mouse", async () => {
    const { page } = await open();
    await page.keyboard.press("Tab");
    expect(await page.locator(":focus").textContent()).toBe("Skip to the upload form");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    expect(await page.locator(":focus").getAttribute("id")).toBe("file");
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("Space")]);
    await chooser.setFiles(text);
    await expect.poll(() => files(page).count()).toBe(1);
  });

  it("runs no script that got into it", async () => {
    const { page, complaints } = await open();
    const ran = await page.evaluate(`(() => {
      const script = document.createElement("script");
      try { script.text = "window.ran = true"; } catch { return "refused"; }
      document.body.append(script);
      return String(window.ran);
    })()`);
    expect(ran).toBe("refused");
    expect(complaints.join()).toMatch(/violates|requires 'TrustedScript'/i);
  });

  it("fits a telephone: nothing stands beside the screen", async () => {
    const { page } = await open();
    await page.setViewportSize({ width: 320, height: 640 });
    await page.setInputFiles("#file", [{ ...image, name: `${"long-".repeat(20)}name.png` }]);
    await expect.poll(() => files(page).count()).toBe(1);
    const { scrollWidth, clientWidth } = await page
      .locator("html")
      .evaluate(({ scrollWidth, clientWidth }) => ({ scrollWidth, clientWidth }));
    expect(scrollWidth).toBe(clientWidth);
  });
});

it("with a token, the page asks for it and reads nothing before it has it", async () => {
  const { page, paths } = await open({ STORAGE_API_TOKEN: "let-me-in" });
  await fetch(`${url}/_storage/upload?key=a.txt`, {
    method: "POST",
    body: "a",
    headers: { authorization: "Bearer let-me-in" },
  });
  expect(await page.locator("#upload").isVisible()).toBe(false);
  expect(await page.textContent("pre")).toContain("$STORAGE_API_TOKEN");
  await page.getByLabel("Token").fill("wrong");
  await page.keyboard.press("Enter");
  await expect.poll(() => page.locator("#token-refusal").textContent()).not.toBe("");
  expect(await files(page).count()).toBe(0);
  await page.getByLabel("Token").fill("let-me-in");
  await page.keyboard.press("Enter");
  await expect.poll(() => files(page).count()).toBe(1);
  await page.setInputFiles("#file", [text]);
  await expect.poll(() => files(page).count()).toBe(2);
  expect(paths.filter((path) => path === "/_storage/list")).toHaveLength(3);
});
