import { z } from "zod";
import type { Storage } from "../storage/index.js";
import { defineJob, type JobDefinition } from "./define-job.js";

/** Milliseconds between two reports of how far a copy is. */
const reportMs = 1_000;
/** Failed objects that an error names. */
const named = 3;

/**
 * The job `storage-sweep`, which removes what abandoned uploads left (`storage.sweep`): once for all processes, where
 * `STORAGE_SWEEP_MS=0` turns off the sweeps of each process.
 *
 * @example
 * const sweep = sweepJob(storage);
 * const { scheduler } = await addJobs(app, { jobs: [sweep] });
 * await scheduler.cron("0 * * * *", sweep, {});
 */
export function sweepJob(storage: Storage): JobDefinition<Record<string, never>> {
  return defineJob("storage-sweep", z.strictObject({}), async (_payload, { signal, log }) => {
    const report = await storage.sweep({ signal });
    log.info(report, "abandoned uploads were removed");
  });
}

const copyPayload = z.strictObject({
  /** Only keys that begin with this plain string. */
  prefix: z.string().max(1_024).default(""),
  /** Whether everything at the target is read back and compared. */
  verify: z.boolean().default(false),
});

/**
 * The job `storage-copy`, which copies what the target has not got yet. It tells its progress as `{ copied, unchanged,
 * bytes }`; an attempt whose objects did not all arrive has failed, and the next one goes on where it was.
 *
 * @example
 * const copy = copyJob(oldStorage, newStorage);
 * const { queue } = await addJobs(app, { jobs: [copy] });
 * await queue.enqueue(copy, { prefix: "invoices/" });
 */
export function copyJob(source: Storage, target: Storage): JobDefinition<z.input<typeof copyPayload>> {
  return defineJob("storage-copy", copyPayload, async (payload, { signal, log, progress }) => {
    const { copyObjects } = await import("../storage/index.js");
    const done = { copied: 0, bytes: 0 };
    let reportAt = 0;
    const onCopied = (_key: string, bytes: number) => {
      done.copied += 1;
      done.bytes += bytes;
      if (performance.now() < reportAt) return;
      reportAt = performance.now() + reportMs;
      progress({ ...done }).catch((error: unknown) => log.debug({ err: error }, "no progress was kept"));
    };
    const { copied, unchanged, failures, leftOut } = await copyObjects(source, target, {
      ...payload,
      signal,
      onCopied,
    });
    log.info({ copied, unchanged, failed: failures.length, leftOut: leftOut.count }, "a storage was copied");
    if (failures.length === 0) return;
    const first = failures.slice(0, named).map(({ key, error }) => `${key} (${error.code})`);
    throw new Error(`${failures.length} objects could not be copied: ${first.join(", ")}`);
  });
}
