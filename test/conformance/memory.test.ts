import { MemoryBackend } from "svc-infra/storage/memory";
import { runSuite } from "./run-suite.js";

runSuite("memory", () => new MemoryBackend());
