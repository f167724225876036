import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const run = promisify(execFile);
const hooks = fileURLToPath(new URL("./sdk-hooks.js", import.meta.url));

/** Providers' packages, one line each, with the settings of a backend that needs it. */
const providers = [
  { package: "cloudinary", settings: { backend: "cloudinary", url: "cloudinary://key:secret@cloud" } },
  { package: "@google-cloud/storage", settings: { backend: "gcs", bucket: "any" } },
  {
    package: "@azure/storage-blob",
    settings: { backend: "azure", container: "any", account: "any", accountKey: "any=" },
  },
  { package: "@azure/identity", settings: { backend: "azure", container: "any", account: "any" } },
] as const;

/** Runs a module in a process of its own and answers what it prints, and which packages it loads. */
async function runModule(code: string, env = {}): Promise<{ printed: string; loaded: readonly string[] }> {
  const args = ["--import", hooks, "--input-type=module", "-e", code];
  const options = { env: { PATH: process.env.PATH, ...env }, timeout: 60_000 };
  const { stdout, stderr } = await run(process.execPath, args, options);
  const loaded = [...stderr.matchAll(/^loaded (.*)$/gm)].map(([, name = ""]) => name);
  return { printed: stdout, loaded };
}

const useMemory = `
  import { addStorage, easyStorage } from "svc-infra";
  import * as storage from "svc-infra/storage";
  const made = await easyStorage({ backend: "memory" });
  await made.put("a", "content");
  console.log(typeof addStorage, storage.isKey("a"), await made.exists("a"));`;

const use = (settings: object) => `
  import { easyStorage } from "svc-infra";
  const made = await easyStorage(${JSON.stringify(settings)});
  const error = await made.exists("a").catch((reason) => reason);
  console.log(error.code, error.message);`;

describe("an application that uses no provider", () => {
  it("loads the package of none", async () => {
    const { printed, loaded } = await runModule(useMemory);
    expect(printed).toBe("function true true\n");
    expect(loaded).toContain("zod");
    for (const provider of providers) expect(loaded).not.toContain(provider.package);
  });
});

describe.each(providers)("the backend of $package", ({ package: name, settings }) => {
  it("loads it with the first call and not before", async () => {
    const make = use(settings).replace(/const error[\s\S]*/, "");
    expect((await runModule(make)).loaded).not.toContain(name);
  });

  it("says what to install when it is not there", async () => {
    const { printed } = await runModule(use(settings), { BLOCKED_PACKAGE: name });
    expect(printed).toMatch(/^configuration /);
    expect(printed).toContain(`npm install ${name}`);
  });
});
