import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { infectedFile, startClamd } from "../rigs/clamd.js";
import { storageOn } from "../storage/local/fresh-store.js";
import { CommandLine } from "./command-line.js";

const cli = new CommandLine();
afterAll(() => cli.dispose());

it("storage copy leaves out what the policy of the target refuses, and says why", async () => {
  const source = storageOn(join(cli.folder, "from"));
  await source.put("clean.txt", "hello");
  await source.put("infected.txt", infectedFile);
  await source.put("page.html", "<html>", { contentType: "text/html" });
  await source.close();
  const clamd = await startClamd();
  try {
    const env = { ...clamd.env, STORAGE_TO_ALLOWED_TYPES: "text/plain" };
    const copy = ["storage", "copy", "--from", "local:from", "--to", "local:to"];
    const { code, stdout, stderr } = await cli.run(copy, env);
    expect(code, stderr).toBe(1);
    expect(stdout + stderr).toMatch(/infected\.txt.*infected/);
    expect(stdout + stderr).toMatch(/page\.html.*unsupported_type/);
    const target = storageOn(join(cli.folder, "to"));
    expect(await target.listKeys()).toEqual(["clean.txt"]);
    await target.close();
  } finally {
    await clamd.stop();
  }
});
