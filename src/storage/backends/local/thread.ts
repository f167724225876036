import { parentPort, workerData } from "node:worker_threads";
import { sendError } from "./disk-error.js";
import { statObject } from "./find.js";
import type { JobKind, JobKinds, SentBatch, SentJob, SentOutcome } from "./jobs.js";
import { Lister } from "./list.js";
import { readObject } from "./read.js";
import { removeObject } from "./remove.js";
import { Store, type StoreSettings } from "./store.js";
import { sweep } from "./sweep.js";
import { type Outcome, runTogether, type Steps } from "./sync-steps.js";
import { assemble, copyObject, putBytes, putStreamed } from "./write.js";

/**
 * The program of a disk thread. Everything here blocks, on purpose: a chain of system calls costs a fraction
 * of the same chain in hops between the event loop and its thread pool.
 */
const settings = workerData as StoreSettings;
const store = new Store(settings);
const lister = new Lister(store.layout);

type Reply = JobKinds[JobKind]["reply"];

function* run({ kind, job, offset, length }: SentJob, slab: SharedArrayBuffer): Steps<Reply> {
  if (kind === "putBytes") return yield* putBytes(store, job, Buffer.from(slab, offset, length));
  if (kind === "read") return readObject(store, job, Buffer.from(slab, offset, length));
  if (kind === "stat") return statObject(store, job.key, job.known);
  if (kind === "putStreamed") return yield* putStreamed(store, job);
  if (kind === "remove") return yield* removeObject(store, job);
  if (kind === "copy") return yield* copyObject(store, job);
  if (kind === "assemble") return yield* assemble(store, job);
  if (kind === "list") return lister.list(job);
  sweep(store);
  return undefined;
}

function toSent(outcome: Outcome<Reply>): SentOutcome {
  return "error" in outcome ? { error: sendError(outcome.error) } : outcome;
}

parentPort?.on("message", ({ jobs, slab }: SentBatch) => {
  const outcomes = runTogether(
    jobs.map((job) => run(job, slab)),
    settings.isDurable,
  );
  parentPort?.postMessage(outcomes.map(toSent));
});
parentPort?.postMessage("ready");
