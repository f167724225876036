import { parentPort, workerData } from "node:worker_threads";
import { assemble } from "./assemble.js";
import { checkpoint } from "./checkpoint.js";
import { copyObject } from "./copy.js";
import { sendError } from "./disk-error.js";
import { calledOff, type JobState, jobStatesIn } from "./job-state.js";
import type {
  JobKind,
  JobKinds,
  SentAnswer,
  SentBatch,
  SentJob,
  SentOutcome,
  ThreadSettings,
} from "./jobs.js";
import { Lister } from "./list.js";
import { type Publication, type Published, publishAll } from "./publish.js";
import { QuickJobs } from "./quick-jobs.js";
import { readObject, statReply } from "./read.js";
import { removeObject } from "./remove.js";
import { Store, type StoreSettings } from "./store.js";
import { sweep } from "./sweep.js";
import { putStreamed } from "./write.js";

/**
 * The program of a disk thread. Everything here blocks, on purpose: a chain of system calls costs a fraction
 * of the same chain in hops between the event loop and its thread pool.
 */
const lanes = (workerData as ThreadSettings).lanes.map(({ slab, states, quick }) => ({
  slab: Buffer.from(slab),
  states: jobStatesIn(states),
  quick: new QuickJobs(quick, Buffer.from(slab)),
}));

interface Place {
  readonly store: Store;
  readonly lister: Lister;
}
const places = new Map<string, Place>();

function placeOf(settings: StoreSettings): Place {
  const found = places.get(settings.id);
  if (found !== undefined) return found;
  const store = new Store(settings);
  const place = { store, lister: new Lister(store) };
  places.set(settings.id, place);
  return place;
}

/** A job with what belongs to it here. */
interface Task<Kind extends JobKind = JobKind> {
  readonly sent: SentJob<Kind>;
  readonly state: JobState;
  /** Its part of the slab. */
  readonly room: Buffer;
  /** Its place in its batch. */
  readonly index: number;
  readonly quick: QuickJobs;
}

/** These outnumber all else. `null` when the answer has been written down. */
function runRead({ store }: Place, { sent, room, index, quick }: Task<"read" | "stat">): SentOutcome | null {
  const reply = sent.kind === "read" ? readObject(store, sent.job, room) : statReply(store, sent.job);
  return quick.answer(index, sent, reply) ? null : { value: reply };
}

function isRead(task: Task): task is Task<"read" | "stat"> {
  return task.sent.kind === "read" || task.sent.kind === "stat";
}

function run({ store, lister }: Place, { sent, state, room }: Task): JobKinds[JobKind]["reply"] {
  const { kind, job } = sent;
  if (kind === "putStreamed") return putStreamed(store, { ...job, state }, room);
  if (kind === "remove") return removeObject(store, { ...job, state });
  if (kind === "copy") return copyObject(store, { ...job, state });
  if (kind === "assemble") return assemble(store, { ...job, state });
  if (kind === "list") return lister.list(job);
  if (kind === "sweep") return sweep(store);
  if (kind === "checkpoint") checkpoint(store, { ...job, state });
  return undefined;
}

function runSafely(place: Place, task: Task): SentOutcome | null {
  try {
    if (!task.state.begin()) throw calledOff();
    return isRead(task) ? runRead(place, task) : { value: run(place, task) };
  } catch (error) {
    return { error: sendError(error) };
  }
}

/** Small writes are made together, because they can share some of the work. */
function isSmallWrite(task: Task): task is Task<"putBytes"> {
  return task.sent.kind === "putBytes";
}

async function writeTogether({ store }: Place, tasks: readonly Task<"putBytes">[]): Promise<SentOutcome[]> {
  const published = await publishAll(store, tasks.map(toPublication));
  return published.map(toSent);
}

function toPublication({ sent, state, room }: Task<"putBytes">): Publication {
  state.begin();
  const { key, ifAbsent, ifMatch } = sent.job;
  const end = room.length - sent.textLength;
  return { key, ifAbsent, ifMatch, state, content: room.subarray(0, end), record: room.subarray(end) };
}

function toSent(published: Published): SentOutcome {
  return "error" in published ? { error: sendError(published.error) } : { value: published.stampUs };
}

function tasksOf({ lane, jobs }: SentBatch): Task[] {
  const tasks: Task[] = [];
  const { slab, states, quick } = lanes[lane] ?? {};
  if (slab === undefined || states === undefined || quick === undefined) return tasks;
  for (const [index, job] of jobs.entries()) {
    const sent = job ?? quick.asked(index);
    const state = states[index];
    const room = slab.subarray(sent.offset, sent.offset + sent.length);
    if (state !== undefined) tasks.push({ sent, state, room, index, quick });
  }
  return tasks;
}

async function runEach(place: Place, tasks: readonly Task[]): Promise<(SentOutcome | null)[]> {
  if (tasks.every(isSmallWrite)) return writeTogether(place, tasks);
  const outcomes = tasks.map((task) =>
    isSmallWrite(task) ? writeTogether(place, [task]) : [runSafely(place, task)],
  );
  return (await Promise.all(outcomes)).flat();
}

/** What only blocks needs no promises. */
function runAll(
  place: Place,
  tasks: readonly Task[],
): readonly (SentOutcome | null)[] | Promise<readonly (SentOutcome | null)[]> {
  if (!tasks.every(isRead)) return runEach(place, tasks);
  return place.store.realFolders.together(() => tasks.map((task) => runSafely(place, task)));
}

parentPort?.on("message", async (message: string) => {
  const batch: SentBatch = JSON.parse(message);
  const place = placeOf(batch.store);
  const outcomes = await runAll(place, tasksOf(batch));
  const answer: SentAnswer = { lane: batch.lane, outcomes, waitedMs: place.store.stopwatch.take() };
  parentPort?.postMessage(JSON.stringify(answer));
});
parentPort?.postMessage("ready");
