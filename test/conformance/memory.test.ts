import { MemoryBackend } from "svc-infra/storage/memory";
import { runLaw } from "./run-law.js";

runLaw("memory", () => new MemoryBackend());
