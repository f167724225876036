import { parentPort, workerData } from "node:worker_threads";
import { assemble } from "./assemble.js";
import { copyObject } from "./copy.js";
import { DiskError, sendError } from "./disk-error.js";
import { statObject } from "./find.js";
import { calledOff, JobState } from "./job-state.js";
import type { JobKind, JobKinds, SentBatch, SentJob, SentOutcome, ThreadSettings } from "./jobs.js";
import { Lister } from "./list.js";
import { readObject } from "./read.js";
import { removeObject } from "./remove.js";
import { Store, type StoreSettings } from "./store.js";
import { sweep } from "./sweep.js";
import { putBytes, putStreamed } from "./write.js";

/**
 * The program of a disk thread. Everything here blocks, on purpose: a chain of system calls costs a fraction
 * of the same chain in hops between the event loop and its thread pool.
 */
const { slab, states, turns } = workerData as ThreadSettings;

interface Place {
  readonly store: Store;
  readonly lister: Lister;
}
const places = new Map<string, Place>();

function placeOf(settings: StoreSettings): Place {
  const found = places.get(settings.id);
  if (found !== undefined) return found;
  const store = new Store(settings, turns);
  const place = { store, lister: new Lister(store.layout) };
  places.set(settings.id, place);
  return place;
}

type Reply = JobKinds[JobKind]["reply"];

function run({ store, lister }: Place, { kind, job, offset, length }: SentJob, state: JobState): Reply {
  if (kind === "putBytes") return putBytes(store, { ...job, state }, Buffer.from(slab, offset, length));
  if (kind === "read") return readObject(store, job, Buffer.from(slab, offset, length));
  if (kind === "stat") return statObject(store, job.key, job.known);
  if (kind === "putStreamed") return putStreamed(store, { ...job, state });
  if (kind === "remove") return removeObject(store, { ...job, state });
  if (kind === "copy") return copyObject(store, { ...job, state });
  if (kind === "assemble") return assemble(store, { ...job, state });
  if (kind === "list") return lister.list(job);
  sweep(store);
  return undefined;
}

function runSafely(place: Place | undefined, sent: SentJob, state: JobState): SentOutcome {
  try {
    if (!state.begin()) throw calledOff();
    if (place === undefined) throw new DiskError("unavailable", "a job came without its store");
    return { value: run(place, sent, state) };
  } catch (error) {
    return { error: sendError(error) };
  }
}

parentPort?.on("message", (batch: string) => {
  const { stores, jobs }: SentBatch = JSON.parse(batch);
  const here = stores.map(placeOf);
  const outcomes = jobs.map((sent, index) => runSafely(here[sent.store], sent, new JobState(states, index)));
  parentPort?.postMessage(JSON.stringify(outcomes));
});
parentPort?.postMessage("ready");
