// @ts-check
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { Daemons } from "./daemons.js";
import { stayWhenRunDirectly } from "./stay.js";

/**
 * A running browser without a window. `localhost`, `127.0.0.1` and every `NAME.localhost` are this machine, and each is
 * a site of its own.
 *
 * @typedef {object} ChromiumRig
 * @property {import("playwright-core").Browser} browser
 * @property {Readonly<Record<string, string>>} env - address of its debugging protocol.
 * @property {() => Promise<WatchedPage>} openPage - empty, with a profile of its own.
 * @property {() => Promise<void>} stop
 */

/**
 * @typedef {object} WatchedPage
 * @property {import("playwright-core").Page} page
 * @property {string[]} complaints - what the browser reported: errors of scripts, of loading, and broken security policies.
 */

const flags = [
  "--headless=new",
  // Only pages of tests are opened, and a container has no rights to make a sandbox.
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  // A browser of last year asked nobody before a page called this machine, so services are tested without that help.
  "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,PrivateNetworkAccessSendPreflights",
  "--disable-component-update",
  "--disable-sync",
  "--no-default-browser-check",
  "--no-first-run",
  "--remote-debugging-port=0",
];

/**
 * Starts Debian's Chromium with a profile of its own.
 *
 * @param {string[]} names - host names that are this machine beside those of `localhost`.
 * @returns {Promise<ChromiumRig>}
 * @throws Error with the last lines of its log when it does not start.
 */
export async function startChromium(names = []) {
  const daemons = await Daemons.inOwnFolder("chromium");
  return daemons.whole(async () => {
    const { folder } = daemons;
    const profile = join(folder, "profile");
    daemons.start("chromium", "env", [
      `HOME=${folder}`,
      "chromium",
      ...flags,
      `--host-resolver-rules=${names.map((name) => `MAP ${name} 127.0.0.1`).join(", ")}`,
      `--user-data-dir=${profile}`,
      "about:blank",
    ]);
    let address = "";
    await daemons.until("Chromium to answer", async () => {
      const [port = ""] = (await readFile(join(profile, "DevToolsActivePort"), "utf8")).split("\n");
      address = `http://127.0.0.1:${port}`;
      return (await fetch(`${address}/json/version`)).ok;
    });
    const browser = await chromium.connectOverCDP(address, { artifactsDir: join(folder, "artifacts") });
    return {
      browser,
      env: { CHROMIUM_DEBUGGING_URL: address },
      openPage: () => openPage(browser),
      stop: async () => {
        await browser.close();
        await daemons.stop();
      },
    };
  });
}

/**
 * @param {import("playwright-core").Browser} browser
 * @returns {Promise<WatchedPage>}
 */
async function openPage(browser) {
  const context = await browser.newContext();
  const page = await context.newPage();
  /** @type {string[]} */
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  return { page, complaints };
}

await stayWhenRunDirectly(import.meta.url, () => startChromium());
