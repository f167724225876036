import { parentPort, workerData } from "node:worker_threads";
import { sendError } from "./disk-error.js";
import { statObject } from "./find.js";
import type { JobKind, JobKinds, SentJob, SentOutcome, ThreadSettings } from "./jobs.js";
import { Lister } from "./list.js";
import { readObject } from "./read.js";
import { removeObject } from "./remove.js";
import { Store } from "./store.js";
import { sweep } from "./sweep.js";
import { assemble, copyObject, putBytes, putStreamed } from "./write.js";

/**
 * The program of a disk thread. Everything here blocks, on purpose: a chain of system calls costs a fraction
 * of the same chain in hops between the event loop and its thread pool.
 */
const { store: settings, slab } = workerData as ThreadSettings;
const store = new Store(settings);
const lister = new Lister(store.layout);

type Reply = JobKinds[JobKind]["reply"];

function run({ kind, job, offset, length }: SentJob): Reply {
  if (kind === "putBytes") return putBytes(store, job, Buffer.from(slab, offset, length));
  if (kind === "read") return readObject(store, job, Buffer.from(slab, offset, length));
  if (kind === "stat") return statObject(store, job.key, job.known);
  if (kind === "putStreamed") return putStreamed(store, job);
  if (kind === "remove") return removeObject(store, job);
  if (kind === "copy") return copyObject(store, job);
  if (kind === "assemble") return assemble(store, job);
  if (kind === "list") return lister.list(job);
  sweep(store);
  return undefined;
}

function runSafely(sent: SentJob): SentOutcome {
  try {
    return { value: run(sent) };
  } catch (error) {
    return { error: sendError(error) };
  }
}

parentPort?.on("message", (batch: string) => {
  const jobs: readonly SentJob[] = JSON.parse(batch);
  parentPort?.postMessage(JSON.stringify(jobs.map(runSafely)));
});
parentPort?.postMessage("ready");
