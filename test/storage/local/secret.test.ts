import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseKey } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { expect, it } from "vitest";
import { freshFolder } from "./fresh-store.js";

const asked = {
  method: "get",
  expiresAt: new Date(2e12),
  download: false,
  filename: undefined,
  contentType: undefined,
} as const;

it("a kept secret is made once, so restarts and siblings sign alike", async () => {
  const basePath = await freshFolder();
  const siblings = Array.from({ length: 8 }, () => new LocalBackend({ basePath }));
  const urls = await Promise.all(siblings.map((each) => each.sign(parseKey("a/b"), asked)));
  await Promise.all(siblings.map((each) => each.close()));
  expect(new Set(urls).size).toBe(1);
  const path = join(basePath, ".svc-infra/secret");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readFile(path, "utf8")).toMatch(/^[0-9a-f]{64}\n$/);
});
