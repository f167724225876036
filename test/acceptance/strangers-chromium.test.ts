import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommandLine, freePort } from "../cli/command-line.js";
import { type ChromiumRig, startChromium } from "../rigs/chromium.js";
import { type Attempt, attack } from "./attacking-page.js";

const secret = "what no other page may read";
const blank = "<!doctype html><link rel=icon href='data:,'><title>stranger</title>";

let cli: CommandLine;
let rig: ChromiumRig;
let stranger: Server;
let port: number;
let attempts: readonly Attempt[];

/** Every route of the service that its own document tells, with the keys that a page would try. */
async function everyRoute(url: string): Promise<readonly Attempt[]> {
  const document = (await (await fetch(`${url}/docs/json`)).json()) as { paths: Record<string, object> };
  const told = Object.entries(document.paths).flatMap(([path, verbs]) =>
    Object.keys(verbs).flatMap((verb) =>
      ["kept.txt", "new.txt"].map((key) => ({
        method: verb.toUpperCase(),
        path: `${path.replace("{*}", key)}${path.endsWith("/upload") ? `?key=${key}` : ""}`,
      })),
    ),
  );
  const untold = ["/docs/json", "/docs/yaml", "/metrics", "/healthz", "/readyz"];
  return [...told, ...untold.map((path) => ({ method: "GET", path }))];
}

/** All that the service keeps, as a client that is no browser sees it. */
async function state(): Promise<unknown> {
  const url = `http://localhost:${port}/_storage`;
  const ask = async (path: string) => (await fetch(url + path)).text();
  return [await ask("/list"), await ask("/metadata/kept.txt"), await ask("/download/kept.txt")];
}

beforeAll(async () => {
  cli = new CommandLine();
  port = await freePort();
  const service = cli.start(["serve"], { PORT: String(port) });
  await service.ready(`http://localhost:${port}`);
  for (const [key, body, type] of [
    ["kept.txt", secret, "text/plain"],
    ["kept.js", `window.leak = "${secret}"`, "text/javascript"],
  ] as const) {
    const request = { method: "PUT", body, headers: { "content-type": type } };
    expect((await fetch(`http://localhost:${port}/_storage/files/${key}`, request)).status).toBe(200);
  }
  attempts = await everyRoute(`http://localhost:${port}`);
  rig = await startChromium(["evil.example"]);
  stranger = createServer((_request, response) => response.setHeader("content-type", "text/html").end(blank));
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
});

afterAll(async () => {
  await rig?.stop();
  stranger?.close();
  cli.dispose();
});

/** Pages of these origins are strangers to the service. */
const pages = {
  "a page of another origin": () => `http://evil.example:${(stranger.address() as AddressInfo).port}/`,
  "a page of another port of this machine": () =>
    `http://localhost:${(stranger.address() as AddressInfo).port}/`,
  "a page whose name was rebound to the service": () => `http://evil.example:${port}/`,
};

describe.each(Object.entries(pages))("%s", (_name, address) => {
  it("changes nothing and reads nothing by any route of an open service", async () => {
    expect(attempts.length).toBeGreaterThan(25);
    const before = await state();
    const { page } = await rig.openPage();
    const isRebound = new URL(address()).port === String(port);
    // The page came from its own server before its name was rebound.
    if (isRebound)
      await page.route(address(), (route) => route.fulfill({ contentType: "text/html", body: blank }));
    await page.goto(address());
    const names = isRebound ? ["evil.example"] : ["localhost", "127.0.0.1"];
    for (const name of names) {
      const found = await page.evaluate(attack, { base: `http://${name}:${port}`, attempts });
      expect(found.tried).toBeGreaterThan(attempts.length * 2);
      expect(found.read, name).toEqual([]);
      expect(found.leak, name).toBeUndefined();
    }
    expect(await state()).toEqual(before);
    expect(JSON.stringify(before)).not.toContain("new.txt");
  });
});

it("the service's own page may do all of it, so what strangers were refused was worth asking", async () => {
  const { page } = await rig.openPage();
  const own = `http://localhost:${port}/`;
  await page.route(own, (route) => route.fulfill({ contentType: "text/html", body: blank }));
  await page.goto(own);
  const asked = attempts.filter(({ method }) => method !== "DELETE");
  const found = await page.evaluate(attack, { base: `http://localhost:${port}`, attempts: asked });
  for (const path of ["/_storage/list", "/_storage/metadata/kept.txt", "/_storage/download/kept.txt"]) {
    expect(found.read.join("\n")).toContain(`GET cors ${path}: `);
  }
  expect(found.leak).toBe(secret);
  for (const key of ["new.txt", "by-form.txt"]) expect(JSON.stringify(await state())).toContain(key);
});
