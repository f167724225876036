import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { afterAll } from "vitest";
import { abandonedSuite } from "./abandoned-suite.js";

const basePath = mkdtempSync(join(tmpdir(), "svc-infra-abandoned-"));

afterAll(() => rmSync(basePath, { recursive: true, force: true }));

function filesBelow(folder: string): string[] {
  const path = join(basePath, ".svc-infra", folder);
  if (!existsSync(path)) return [];
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

abandonedSuite("local", async () => ({
  env: { ABANDONED_FOLDER: basePath },
  open: async () => {
    const backend = new LocalBackend({ basePath, baseUrl: "http://localhost/files", durability: "fast" });
    return new Storage(backend, { policy: { types: ["text/plain"] } });
  },
  leftovers: async () => ["staging", "tmp", "multipart", "pending"].flatMap(filesBelow),
}));
