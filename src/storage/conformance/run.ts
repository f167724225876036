import { randomBytes } from "node:crypto";
import type { StorageBackend } from "../contract/backend.js";
import { parsePrefix } from "../contract/key.js";
import { checkStorageOptions, type OptionRules } from "../contract/storage-options.js";
import { Storage } from "../storage.js";
import type { CaseContext, ConformanceCase } from "./case.js";
import { type CaseGroup, conformanceCases } from "./suite.js";

/** Options of {@link runConformance}. */
export interface ConformanceOptions {
  /** Whose contract is checked. */
  readonly backend: StorageBackend;
  /** Makes another backend on the same service, for the case that closes one; without it that case is skipped. */
  readonly create?: (() => StorageBackend | Promise<StorageBackend>) | undefined;
  /** Where the cases work, ending in `/`; `conformance-<random>/` by default. It is empty again afterwards. */
  readonly folder?: string | undefined;
  /** Whether bodies may break and be resumed, as under `retry`; not of a version that was removed. */
  readonly breaksBodies?: boolean | undefined;
  /** How often each race is run; 10 by default. */
  readonly races?: number | undefined;
  /** Longest key that the backend takes; less than 1,024 under a prefix. */
  readonly maxKeyLength?: number | undefined;
}

const rules: OptionRules<ConformanceOptions> = {
  call: "runConformance",
  kinds: {
    backend: "object",
    create: "function",
    folder: "string",
    breaksBodies: "boolean",
    races: "number",
    maxKeyLength: "number",
  },
  needed: ["backend"],
};

/** One case, ready for any test runner. */
export interface ConformanceRun {
  readonly group: CaseGroup;
  readonly name: string;
  /** Why the case does not apply to this backend. */
  readonly skipReason: string | undefined;
  /** Rejects when the backend breaks the rule. Cases may run side by side. */
  run(): Promise<void>;
}

/** The conformance suite, bound to a backend; nothing runs before `run` is called. */
export function* runConformance(options: ConformanceOptions): Generator<ConformanceRun> {
  checkStorageOptions(options, rules);
  const root = parsePrefix(options.folder ?? `conformance-${randomBytes(6).toString("hex")}/`);
  for (const [group, cases] of Object.entries(conformanceCases) as [
    CaseGroup,
    readonly ConformanceCase[],
  ][]) {
    for (const [index, each] of cases.entries()) {
      yield {
        group,
        name: each.name,
        skipReason: whySkipped(each, options),
        run: () => runCase(each, contextOf(options, `${root}${group}-${index}/`)),
      };
    }
  }
}

function whySkipped(each: ConformanceCase, options: ConformanceOptions): string | undefined {
  const { backend, create, breaksBodies = false } = options;
  const missing = each.needs?.filter((need) => !backend.capabilities[need]) ?? [];
  if (missing.length > 0) return `${backend.name} does not have ${missing.join(" and ")}`;
  if (each.isDestructive && create === undefined) return "it would close the backend";
  if (each.readsOldVersion && breaksBodies)
    return "a body that breaks cannot go on in a version that is gone";
  return undefined;
}

function contextOf(options: ConformanceOptions, folder: string): CaseContext {
  return {
    backend: options.backend,
    storage: new Storage(options.backend),
    folder,
    maxKeyLength: options.maxKeyLength ?? 1024,
    races: options.races ?? 10,
    at: (name) => folder + name,
    create: async () => options.create?.() ?? Promise.reject(new Error("no other backend can be made")),
  };
}

async function runCase(each: ConformanceCase, context: CaseContext): Promise<void> {
  try {
    await each.run(context);
  } finally {
    await context.storage.deletePrefix(context.folder).catch(() => undefined);
  }
}
