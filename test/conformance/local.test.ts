import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalBackend } from "svc-infra/storage/local";
import { afterAll } from "vitest";
import { runSuite } from "./run-suite.js";

const folder = mkdtempSync(join(tmpdir(), "svc-infra-suite-"));
let made = 0;

runSuite(
  "local",
  () => new LocalBackend({ basePath: join(folder, String(made++)), baseUrl: "http://127.0.0.1:1/files" }),
);

afterAll(() => rmSync(folder, { recursive: true, force: true }));
