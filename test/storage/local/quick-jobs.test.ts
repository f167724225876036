import { describe, expect, it } from "vitest";
import type { SentJob } from "../../../src/storage/backends/local/jobs.js";
import { newQuickMemory, QuickJobs } from "../../../src/storage/backends/local/quick-jobs.js";
import type { ReadJob } from "../../../src/storage/backends/local/read.js";
import { noFile } from "../../../src/storage/backends/local/record.js";

const file = { size: 5, stampUs: 1_795_494_066_681_726, inode: 77 };
const job: ReadJob = {
  key: "a/b",
  known: file,
  knownVersion: undefined,
  range: undefined,
  ifMatch: undefined,
};
const read: SentJob<"read"> = { kind: "read", job, offset: 64, length: 40, textLength: 0 };

/** As two threads see it. */
function bothSides() {
  const memory = newQuickMemory();
  const slab = Buffer.alloc(1024);
  return { main: new QuickJobs(memory, slab), thread: new QuickJobs(memory, slab) };
}

describe("quick jobs of the local backend", () => {
  it("come across as they were asked, each in its place", () => {
    const { main, thread } = bothSides();
    const stat: SentJob<"stat"> = { ...read, kind: "stat", job: { ...job, key: "c", known: noFile } };
    expect(main.ask(0, read)).toBe(true);
    expect(main.ask(63, stat)).toBe(true);
    expect(thread.asked(0)).toEqual(read);
    expect(thread.asked(63)).toMatchObject({ kind: "stat", job: { key: "c", known: noFile } });
  });

  it("do not take what numbers cannot say", () => {
    const { main } = bothSides();
    expect(main.ask(0, { ...read, job: { ...job, range: { start: 1, end: undefined } } })).toBe(false);
    expect(main.ask(0, { ...read, job: { ...job, ifMatch: "v" } })).toBe(false);
    expect(main.ask(0, { ...read, kind: "remove", job: { key: "a", version: "v" } })).toBe(false);
  });

  it("bring the text of a record behind the bytes, or an open file", () => {
    const { main, thread } = bothSides();
    const found = { file, text: '{"filename":"é"}', record: undefined };
    const small = { found, start: 0, end: 5, fd: undefined };
    const large = { found: { ...found, text: undefined }, start: 3, end: 9, fd: 0 };
    expect(thread.answer(0, read, small)).toBe(true);
    expect(thread.answer(1, { offset: 104, length: 0 }, large)).toBe(true);
    expect(main.answered(0, 64)).toEqual(small);
    expect(main.answered(1, 104)).toEqual(large);
  });

  it("do not take a text that has no room, or a record without a text", () => {
    const { thread } = bothSides();
    const found = { file, text: "é".repeat(18), record: undefined };
    const reply = { found, start: 0, end: 5, fd: undefined };
    expect(thread.answer(0, { offset: 64, length: 40 }, reply)).toBe(false);
    expect(thread.answer(0, { offset: 64, length: 41 }, reply)).toBe(true);
    const record = {
      ...file,
      version: "v",
      contentType: "t/t",
      filename: undefined,
      metadata: {},
      checksum: undefined,
    };
    const other = { found: { file, text: undefined, record }, start: 0, end: 5, fd: undefined };
    expect(thread.answer(0, read, other)).toBe(false);
  });
});
