import { join } from "node:path";
import { LocalBackend } from "svc-infra/storage/local";
import { afterAll } from "vitest";
import { startExfat } from "../rigs/exfat.js";
import { runSuite } from "./run-suite.js";

// A file system that ignores case and has no hard links.
const rig = await startExfat();
let made = 0;

runSuite(
  "local-exfat",
  () =>
    new LocalBackend({
      basePath: join(rig.folder, String(made++)),
      baseUrl: "http://127.0.0.1:1/files",
      durability: "fast",
    }),
);

afterAll(() => rig.stop());
