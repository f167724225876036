export type { CaseContext, ConformanceCase } from "./case.js";
export { hostileKeys } from "./hostile-keys.js";
export { type KeyedOperation, operationsOf } from "./operations.js";
export { RecordingBackend } from "./recording-backend.js";
export { type ConformanceOptions, type ConformanceRun, runConformance } from "./run.js";
export { awkwardTexts, oddPieces, sampleBytes } from "./samples.js";
export { type CaseGroup, conformanceCases } from "./suite.js";
