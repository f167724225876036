import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const { name, exports, version } = JSON.parse(readFileSync("package.json", "utf8"));
const subpaths = Object.keys(exports).filter((subpath) => subpath !== "./package.json");

/** The public faces there are: each needs an entry in `exports`. */
function findFaces(): string[] {
  const features = readdirSync("src", { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const backends = readdirSync("src/storage/backends").map((backend) => `storage/backends/${backend}`);
  return [
    "",
    ...features.map((entry) => entry.name),
    ...backends,
    "storage/browser",
    "storage/conformance",
    "storage/policy",
  ]
    .map((folder) => `./dist/${folder}/index.js`.replace("//", "/"))
    .filter((file) => existsSync(file.replace("./dist/", "src/").replace(/\.js$/, ".ts")));
}

describe("exports of package.json", () => {
  it("are exactly the public faces that the sources have", () => {
    expect(subpaths.map((subpath) => exports[subpath].default).sort()).toEqual(findFaces().sort());
  });

  it.each(subpaths)("%s has types and a module that can be imported by its name", async (subpath) => {
    expect(existsSync(exports[subpath].types)).toBe(true);
    const module = await import(subpath.replace(/^\./, name));
    expect(Object.keys(module).length).toBeGreaterThan(0);
  });

  it("let no application import a file inside", async () => {
    const inside = `${name}/storage/from-env`;
    await expect(import(/* @vite-ignore */ inside)).rejects.toThrow();
  });
});

it("the main entry has the one-line helpers", async () => {
  const module = await import("svc-infra");
  expect(Object.keys(module)).toEqual(
    expect.arrayContaining(
      [
        "Cache",
        "Events",
        "Idempotency",
        "Jobs",
        "Mail",
        "MongoDb",
        "Observability",
        "SqlDb",
        "Storage",
        "Tenancy",
        "Webhooks",
      ].map((helper) => `add${helper}`),
    ),
  );
});

it("every file of dist has a source", () => {
  const compiled = readdirSync("dist", { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".js"),
  );
  const orphans = compiled.filter((file) => !existsSync(`src/${file.replace(/\.js$/, ".ts")}`));
  expect(orphans, "remove dist and build again").toEqual([]);
});

it("every source map has its sources in it, as the package has none", () => {
  const maps = readdirSync("dist", { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".js.map"),
  );
  const sourcesOf = (file: string) =>
    JSON.parse(readFileSync(`dist/${file}`, "utf8")).sourcesContent ?? [null];
  expect(maps.length).toBeGreaterThan(100);
  expect(maps.filter((file) => sourcesOf(file).includes(null))).toEqual([]);
});

it("the package is at a version and its lock file names no registry", () => {
  const lock = readFileSync("package-lock.json", "utf8");
  expect(JSON.parse(lock).version).toBe(version);
  expect(lock).not.toContain('"resolved": "http');
});

it.each([".", "bench", "test/rigs/azurite", "test/rigs/runtimes"])(
  "every package that %s installs is checked against its hash",
  (folder) => {
    const { packages } = JSON.parse(readFileSync(`${folder}/package-lock.json`, "utf8"));
    const unchecked = Object.keys(packages).filter((path) => {
      const { integrity, link } = packages[path];
      return path !== "" && link !== true && integrity === undefined;
    });
    expect(unchecked).toEqual([]);
  },
);

it.each(["scripts/prepare.js", "bench/harness/install.js", "test/rigs/locked-packages.js"])(
  "%s lets no package run code while it is installed",
  (file) => {
    const calls = readFileSync(file, "utf8").match(/\[\s*"ci"[^\]]*\]/g);
    expect(calls?.length).toBe(1);
    expect(calls?.[0]).toContain('"--ignore-scripts"');
  },
);

it("create-svc-infra has the version of the package that it makes projects with", () => {
  const create = JSON.parse(readFileSync("packages/create-svc-infra/package.json", "utf8"));
  expect([create.version, create.dependencies[name]]).toEqual([version, version]);
});
