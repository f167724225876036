import { MemoryBackend } from "svc-infra/storage/memory";
import { runSuite } from "./run-suite.js";

runSuite("memory", () => new MemoryBackend({ baseUrl: "http://127.0.0.1:1/files" }));
