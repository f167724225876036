import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

/** Which packages' files a script had loaded when it ended. */
function run(script: string, cwd = process.cwd()): string {
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
    cwd,
    encoding: "utf8",
    env: { PATH: process.env.PATH, METADATA_SERVER_DETECTION: "none", HOME: "/nonexistent" },
  });
  return `${stdout}${stderr}`;
}

const told = `
import { createRequire } from "node:module";
const loaded = Object.keys(createRequire(import.meta.url).cache).filter((each) => /google|gaxios/.test(each));
console.log(loaded.length > 0 || process.moduleLoadList.length === 0 ? "google loaded" : "no google");
`;

describe("the SDK", () => {
  it("is not loaded by an application that uses something else", () => {
    const script = `${told}
      const { easyStorage } = await import("svc-infra");
      await import("svc-infra/storage");
      const storage = await easyStorage({ backend: "memory" }, {});
      await storage.put("a", "x");
      const after = Object.keys(createRequire(import.meta.url).cache).filter((each) => /google|gaxios/.test(each));
      console.log(after.length);`;
    expect(run(script)).toBe("no google\n0\n");
  });

  it("is loaded with the first call of a gcs backend, and not before", () => {
    const script = `${told}
      const { GcsBackend } = await import("svc-infra/storage/gcs");
      const count = () => Object.keys(createRequire(import.meta.url).cache).filter((each) => /google-auth/.test(each)).length;
      const backend = new GcsBackend({ bucket: "any", endpoint: "https://127.0.0.1:1" });
      console.log(count() === 0);
      await backend.stat("a", { signal: undefined }).catch(() => undefined);
      console.log(count() > 0);`;
    expect(run(script)).toBe("no google\ntrue\ntrue\n");
  });

  it("that is not installed is a configuration error that says what to install", () => {
    const folder = mkdtempSync(join(tmpdir(), "svc-infra-without-"));
    try {
      copyWithout(folder);
      const script = `
        const { easyStorage } = await import("svc-infra");
        const storage = await easyStorage({ backend: "gcs", bucket: "any" }, {});
        const error = await storage.check().catch((reason) => reason);
        console.log(error.code, error.message);`;
      const text = run(script, folder);
      expect(text).toMatch(/^configuration .*npm install @google-cloud\/storage/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** A project with every package but Google's. */
function copyWithout(folder: string): void {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "svc-infra"), { recursive: true });
  symlinkSync(resolve("package.json"), join(modules, "svc-infra", "package.json"));
  spawnSync("cp", ["-r", resolve("dist"), join(modules, "svc-infra", "dist")]);
  for (const name of readdirSync("node_modules")) {
    if (name !== "@google-cloud" && name !== "svc-infra")
      symlinkSync(resolve("node_modules", name), join(modules, name));
  }
}
