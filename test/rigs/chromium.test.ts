import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ChromiumRig, startChromium } from "./chromium.js";
import { leavesNothing } from "./leaves-nothing.js";

const page = `<!doctype html><link rel="icon" href="data:,"><title>own</title><p>Hello</p>
<script>console.error("a script complains")</script><img src="/missing.png" alt="">`;

let rig: ChromiumRig;
let server: Server;

beforeAll(async () => {
  rig = await startChromium();
  server = createServer(({ url }, response) => {
    response.statusCode = url === "/" ? 200 : 404;
    response.setHeader("content-type", "text/html").end(url === "/" ? page : "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterAll(async () => {
  await rig.stop();
  server.close();
});

it("Chromium opens a page of any name of this machine and tells what it complains of", async () => {
  const { port } = server.address() as AddressInfo;
  const { page, complaints } = await rig.openPage();
  await page.goto(`http://files.localhost:${port}/`);
  expect(await page.textContent("p")).toBe("Hello");
  await expect.poll(() => complaints).toHaveLength(2);
  // The answer to the image may come before the script has run.
  expect(complaints.toSorted()).toEqual([expect.stringContaining("404"), "a script complains"]);
});

leavesNothing("chromium.js", { endpoint: "CHROMIUM_DEBUGGING_URL", last: "CHROMIUM_DEBUGGING_URL" });
