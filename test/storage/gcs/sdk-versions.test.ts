import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type GcsDoubleRig, startGcsDouble } from "../../rigs/gcs-double.js";

let rig: GcsDoubleRig;

beforeAll(async () => {
  rig = await startGcsDouble();
});

afterAll(() => rig?.stop());

/** A project with every package, and another one in the place of Google's. */
function projectWith(sdk: string): string {
  const folder = mkdtempSync(join(tmpdir(), "svc-infra-sdk-"));
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "svc-infra"), { recursive: true });
  mkdirSync(join(modules, "@google-cloud"));
  symlinkSync(resolve("package.json"), join(modules, "svc-infra", "package.json"));
  cpSync(resolve("dist"), join(modules, "svc-infra", "dist"), { recursive: true });
  for (const name of readdirSync("node_modules")) {
    if (name !== "@google-cloud" && name !== "svc-infra")
      symlinkSync(resolve("node_modules", name), join(modules, name));
  }
  symlinkSync(resolve("node_modules", sdk), join(modules, "@google-cloud", "storage"));
  return folder;
}

const script = `
  import { easyStorage } from "svc-infra";
  const storage = await easyStorage();
  const { url } = await storage.put("a.txt", "hello");
  const bytes = await storage.get("a.txt");
  const read = await (await fetch(url)).text();
  await storage.copy("a.txt", "b.txt");
  const keys = await storage.listKeys();
  console.log(JSON.stringify([new TextDecoder().decode(bytes), read, keys, await storage.delete("a.txt"), await storage.delete("b.txt")]));
  await storage.close();`;

it.each([
  ["7", "@google-cloud/storage"],
  ["8", "google-cloud-storage-8"],
])("the gcs backend gets its tokens and signs with version %s of the SDK", async (_version, sdk) => {
  const folder = projectWith(sdk);
  try {
    const env = { PATH: process.env.PATH ?? "", ...rig.env };
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "--eval", script],
      { cwd: folder, env },
    );
    expect(JSON.parse(stdout)).toEqual(["hello", "hello", ["a.txt", "b.txt"], true, true]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
