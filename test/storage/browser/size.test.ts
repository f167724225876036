import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";

const folder = "dist/storage/browser";
const modules = readdirSync(folder).filter((name) => name.endsWith(".js"));
const text = modules.map((name) => readFileSync(`${folder}/${name}`, "utf8")).join("\n");

it("the browser client is less than 4 KiB as it is sent, with its comments", () => {
  expect(gzipSync(text, { level: 9 }).byteLength).toBeLessThan(4096);
});

it("the browser client imports nothing but its own modules", () => {
  const imported = [...text.matchAll(/^(?:import|export) .*"([^"]+)";$/gm)].map(
    ([, specifier = ""]) => specifier,
  );
  expect(imported.length).toBeGreaterThan(0);
  expect(imported.filter((specifier) => !specifier.startsWith("./"))).toEqual([]);
});
