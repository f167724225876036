import { variable, wholeNumber } from "../../../kernel/index.js";
import { backendRow } from "../../contract/backend-row.js";

/** Variables of memory. */
export const memoryVariables = {
  /**
   * Bytes that all objects together may take, with their keys, metadata and 512 bytes each. Default:
   * 100000000. Variable: `STORAGE_MEMORY_MAX_BYTES`.
   */
  maxBytes: variable({
    name: "STORAGE_MEMORY_MAX_BYTES",
    type: wholeNumber({ min: 1 }),
    expected: "a whole number of bytes above 0",
    help: "Bytes that all objects together may take, with their keys, metadata and 512 bytes each.",
    default: 100_000_000,
  }),
  /** Milliseconds after which an object is gone. Default: never. Variable: `STORAGE_MEMORY_TTL_MS`. */
  ttlMs: variable({
    name: "STORAGE_MEMORY_TTL_MS",
    type: wholeNumber({ min: 1 }),
    expected: "a whole number of milliseconds above 0",
    help: "Milliseconds after which an object is gone.",
    defaultText: "never",
  }),
};

/** How the environment chooses and makes this backend. */
export const memoryRow = backendRow({
  variables: memoryVariables,
  detectedBy: [],
  required: [],
  signsWithSecret: true,
  create: async (own, signing) => {
    const { MemoryBackend } = await import("./backend.js");
    return new MemoryBackend({ ...own, ...signing });
  },
});
