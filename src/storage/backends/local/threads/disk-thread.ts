import { parentPort } from "node:worker_threads";
import { sendError } from "../disk/disk-error.js";
import type { Message, SentAnswer, SentJob, SentJobs } from "./channel.js";
import { Work } from "./jobs.js";

/** The program of a disk thread. Everything here blocks on purpose but for syncs, which are shared. */
const works = new Map<number, Work>();
const firstRoomBytes = 64 * 1024;

/** Answers that are not sent yet, and the bytes that go with them. */
const outbox: { answers: SentAnswer[]; room: Buffer<ArrayBuffer>; used: number; isDue: boolean } = {
  answers: [],
  room: Buffer.alloc(0),
  used: 0,
  isDue: false,
};

/** Memory of the next message that so many bytes are read into. */
function roomFor(bytes: number): Uint8Array {
  const start = outbox.used;
  outbox.used += bytes;
  if (outbox.used > outbox.room.length) {
    const larger = Buffer.allocUnsafeSlow(Math.max(firstRoomBytes, outbox.used * 2));
    outbox.room.copy(larger, 0, 0, start);
    outbox.room = larger;
  }
  return outbox.room.subarray(start, outbox.used);
}

/** What is answered in one turn of the event loop is one message. */
function answer(answered: SentAnswer): void {
  outbox.answers.push(answered);
  if (outbox.isDue) return;
  outbox.isDue = true;
  setImmediate(send);
}

function send(): void {
  const { answers, room, used } = outbox;
  outbox.isDue = false;
  outbox.answers = [];
  const bytes = used === 0 ? undefined : room.buffer.slice(0, used);
  outbox.used = 0;
  const message: Message = { text: JSON.stringify(answers), bytes };
  parentPort?.postMessage(message, bytes === undefined ? [] : [bytes]);
}

function workOn(settings: SentJobs["settings"]): Work {
  const found = works.get(settings.id) ?? new Work(settings);
  works.set(settings.id, found);
  return found;
}

function run(work: Work, [id, kind, job]: SentJob, bytes: Uint8Array): void {
  const start = outbox.used;
  const fail = (error: unknown) => answer([id, undefined, sendError(error), 0, 0]);
  try {
    const reply = work.run(kind, job, bytes, roomFor);
    if (reply instanceof Promise) reply.then((value) => answer([id, value, null, 0, 0]), fail);
    else answer([id, reply, null, start, outbox.used]);
  } catch (error) {
    outbox.used = start;
    fail(error);
  }
}

parentPort?.on("message", ({ text, bytes = new ArrayBuffer(0) }: Message) => {
  const { settings, jobs }: SentJobs = JSON.parse(text);
  const work = workOn(settings);
  let offset = 0;
  for (const job of jobs) {
    run(work, job, new Uint8Array(bytes, offset, job[3]));
    offset += job[3];
    if (job[1] === "close") works.delete(settings.id);
  }
});
