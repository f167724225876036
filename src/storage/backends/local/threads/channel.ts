import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { DiskError, receiveError, type SentError } from "../disk/disk-error.js";
import type { StoreSettings } from "../store.js";
import { type JobKind, type JobKinds, Work } from "./jobs.js";

/** Jobs that a thread has at once: enough to share syncs, and few enough that the others can still be cancelled. */
const maxSent = 64;
/** Bytes that go to a thread in one message, unless one job has more. */
const maxMessageBytes = 1024 * 1024;
/** Time in milliseconds for which an idle thread waits for another store. To start one takes some 40 ms. */
const lingerMs = 10_000;
const noBytes = new Uint8Array(0);
const program = programOf(import.meta.url);

/** A job as it is sent: its id, its kind, the job itself, and how many bytes of the message are its own. */
export type SentJob = readonly [id: number, kind: JobKind, job: unknown, bytes: number];

/** Jobs on one store, as JSON, which is several times faster for small objects than structured cloning. */
export interface SentJobs {
  readonly settings: StoreSettings;
  readonly jobs: readonly SentJob[];
}

/** An answer: the id of the job, the reply or the error, and which bytes of the message belong to it. */
export type SentAnswer = readonly [
  id: number,
  reply: unknown,
  error: SentError | null,
  start: number,
  end: number,
];

/** What goes both ways: JSON, and bytes that are handed over without a copy. */
export interface Message {
  readonly text: string;
  readonly bytes: ArrayBuffer | undefined;
}

/** A reply, and the bytes that were read. */
export interface Answer<Kind extends JobKind> {
  readonly reply: JobKinds[Kind]["reply"];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What a job brings along. */
export interface CallExtras {
  /** Copied when the job is sent. */
  readonly bytes?: Uint8Array | undefined;
  /** Cancels a job that was not sent yet. One that was sent is short, and its answer tells whether it was done. */
  readonly signal?: AbortSignal | undefined;
}

interface WaitingCall {
  readonly settings: StoreSettings;
  readonly kind: JobKind;
  readonly job: unknown;
  readonly bytes: Uint8Array;
  readonly resolve: (answer: Answer<JobKind>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One thread that does the short blocking work on disks: a chain of system calls costs a fraction of the same chain in
 * hops between the event loop and its thread pool. All calls of one turn of the event loop are one message.
 */
export class Channel {
  readonly #name: string;
  #queue: WaitingCall[] = [];
  readonly #sent = new Map<number, WaitingCall>();
  #nextId = 1;
  #isFlushDue = false;
  #worker: Worker | undefined;
  #users = 0;
  #ending: NodeJS.Timeout | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  /** Asks for a job. The promise rejects with the error of this job only. */
  call<Kind extends JobKind>(
    settings: StoreSettings,
    kind: Kind,
    job: JobKinds[Kind]["job"],
    { bytes = noBytes, signal }: CallExtras = {},
  ): Promise<Answer<Kind>> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const call: WaitingCall = {
        settings,
        kind,
        job,
        bytes,
        resolve: resolve as WaitingCall["resolve"],
        reject,
      };
      this.#queue.push(signal === undefined ? call : this.#cancelWith(call, signal));
      this.#flushSoon();
    });
  }

  /** Another store uses the thread, which is started now, so that the first calls need not wait for it. */
  retain(): void {
    this.#users++;
    clearTimeout(this.#ending);
    this.#worker ??= this.#start();
  }

  /** A store uses the thread no more. */
  release(settings: StoreSettings): void {
    if (this.#worker !== undefined) this.call(settings, "close", {}).catch(() => undefined);
    this.#users--;
    if (this.#users === 0) this.#ending = setTimeout(() => this.#end(), lingerMs).unref();
  }

  #cancelWith(call: WaitingCall, signal: AbortSignal): WaitingCall {
    const onAbort = () => {
      const index = this.#queue.indexOf(watched);
      if (index === -1) return;
      this.#queue.splice(index, 1);
      call.reject(signal.reason);
    };
    const end = () => signal.removeEventListener("abort", onAbort);
    const watched: WaitingCall = {
      ...call,
      resolve: (answer) => {
        end();
        call.resolve(answer);
      },
      reject: (error) => {
        end();
        call.reject(error);
      },
    };
    signal.addEventListener("abort", onAbort, { once: true });
    return watched;
  }

  /** When all that this turn of the event loop brings has come. */
  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#queue.length > 0 && this.#sent.size < maxSent) this.#send(this.#nextCalls());
  }

  /** Calls on one store, as many as there is room for. */
  #nextCalls(): WaitingCall[] {
    const settings = this.#queue[0]?.settings;
    const most = maxSent - this.#sent.size;
    let bytes = 0;
    const end = this.#queue.findIndex((call, index) => {
      bytes += call.bytes.byteLength;
      return index === most || call.settings !== settings || (bytes > maxMessageBytes && index > 0);
    });
    return this.#queue.splice(0, end === -1 ? this.#queue.length : end);
  }

  #send(calls: readonly WaitingCall[]): void {
    const [first] = calls;
    if (first === undefined) return;
    const jobs = calls.map((call): SentJob => {
      const id = this.#nextId++;
      this.#sent.set(id, call);
      return [id, call.kind, call.job, call.bytes.byteLength];
    });
    const text = JSON.stringify({ settings: first.settings, jobs } satisfies SentJobs);
    const bytes = concat(calls);
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#worker.postMessage({ text, bytes } satisfies Message, bytes === undefined ? [] : [bytes]);
  }

  #start(): Worker {
    if (program === undefined) throw new DiskError("configuration", "the file disk-thread.js is missing");
    // Descriptors are handed to the main thread, so the worker must not close them when it ends.
    const worker = new Worker(program, {
      trackUnmanagedFds: false,
      execArgv: [],
      name: `svc-infra ${this.#name}`,
    });
    let cause: unknown;
    worker.on("message", (message: Message) => this.#receive(message));
    worker.on("error", (error) => {
      cause = error;
    });
    worker.on("exit", () => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#lose(Object.assign(new DiskError("unavailable", "a disk thread ended"), { cause }));
    });
    worker.unref();
    return worker;
  }

  #receive({ text, bytes }: Message): void {
    for (const [id, reply, error, start, end] of JSON.parse(text) as SentAnswer[]) {
      const call = this.#sent.get(id);
      this.#sent.delete(id);
      if (error !== null) call?.reject(receiveError(error));
      // A copy, as all replies of a message share its memory, and the bytes of each belong to another caller.
      else call?.resolve({ reply, bytes: copyOf(bytes, start, end) } as Answer<JobKind>);
    }
    if (this.#sent.size === 0) this.#worker?.unref();
    this.#flush();
  }

  /** The thread is gone; a later call starts another. */
  #lose(error: Error): void {
    const lost = [...this.#sent.values(), ...this.#queue];
    this.#sent.clear();
    this.#queue = [];
    for (const call of lost) call.reject(error);
  }

  #end(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }
}

function concat(calls: readonly WaitingCall[]): ArrayBuffer | undefined {
  const size = calls.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  if (size === 0) return undefined;
  const all = new Uint8Array(size);
  let offset = 0;
  for (const { bytes } of calls) {
    all.set(bytes, offset);
    offset += bytes.byteLength;
  }
  return all.buffer;
}

function copyOf(bytes: ArrayBuffer | undefined, start: number, end: number): Uint8Array<ArrayBuffer> {
  const copy = Buffer.allocUnsafeSlow(end - start);
  if (bytes !== undefined) copy.set(new Uint8Array(bytes, start, end - start));
  return copy;
}

/** The program of the threads; `undefined` where a bundler has left it out. */
function programOf(moduleUrl: string | undefined): URL | undefined {
  if (!moduleUrl?.startsWith("file:")) return undefined;
  const url = new URL("./disk-thread.js", moduleUrl);
  return existsSync(fileURLToPath(url)) ? url : undefined;
}

/** Whether threads can be started. */
export const hasProgram: boolean = program !== undefined;

/** Does the same work in this thread. */
export class DirectWork {
  readonly #works = new Map<StoreSettings, Work>();

  async call<Kind extends JobKind>(
    settings: StoreSettings,
    kind: Kind,
    job: JobKinds[Kind]["job"],
    { bytes = noBytes, signal }: CallExtras = {},
  ): Promise<Answer<Kind>> {
    signal?.throwIfAborted();
    const work = this.#works.get(settings) ?? new Work(settings);
    this.#works.set(settings, work);
    let room = Buffer.alloc(0);
    const makeRoom = (size: number) => {
      room = Buffer.alloc(size);
      return room;
    };
    const reply = await work.run(kind, job, bytes, makeRoom);
    if (kind === "close") this.#works.delete(settings);
    return { reply: reply as JobKinds[Kind]["reply"], bytes: room };
  }
}
