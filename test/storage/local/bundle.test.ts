import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { freshFolder } from "./fresh-store.js";

const source = `
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
const said = [];
for (const policy of [{}, { types: ["application/zip"] }]) {
  const storage = new Storage(new LocalBackend({ basePath: process.argv[2] }), { policy });
  const zip = Buffer.from("504b0506".padEnd(44, "0"), "hex");
  await storage.put("a", zip).then(() => said.push("done"), (error) => said.push(error.code + " " + error.message));
  await storage.close();
}
console.log(JSON.stringify(said));
`;

it("an application that is bundled into one file stores, and says which package its policy misses there", async () => {
  const folder = await freshFolder();
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(resolve("."), join(folder, "node_modules/svc-infra"));
  writeFileSync(join(folder, "app.mjs"), source);
  const bundle = ["app.mjs", "--platform", "node", "--format", "esm", "-o", "out/app.mjs"];
  execFileSync(process.execPath, [resolve("node_modules/rolldown/bin/cli.mjs"), ...bundle], { cwd: folder });
  const answer = execFileSync(process.execPath, ["out/app.mjs", join(folder, "data")], { cwd: folder });
  const [plain, typed] = JSON.parse(answer.toString()) as string[];
  expect(plain).toBe("done");
  expect(typed).toMatch(/^configuration .*npm install file-type/);
});
