import { setTimeout as sleep } from "node:timers/promises";
import type { StorageBackend } from "svc-infra/storage";
import { parseKey } from "svc-infra/storage";
import { GcsBackend } from "svc-infra/storage/gcs";
import { S3Backend } from "svc-infra/storage/s3";
import { expect, it, onTestFinished, vi } from "vitest";
import { byteAt, numbersOf, oddAnswer, startOddHttpServer } from "../rigs/odd-http-server.js";
import { listOf } from "../rigs/s3-double.js";

const answers = Number(process.env.ODD_ANSWERS ?? 400);
const readersAtOnce = 24;
const time = new Date().toUTCString();

/** Reads one answer, fast or with pauses. Resolves to whether all of it came; anything but a failure that has a class is thrown. */
async function readOne(backend: StorageBackend, seed: number): Promise<boolean> {
  const random = numbersOf(seed + 1_000_003);
  const isSlow = random() < 0.6;
  try {
    const opened = await backend.read(parseKey(`k/${seed}`), {
      range: undefined,
      ifMatch: undefined,
      signal: undefined,
    });
    if (isSlow) await sleep(random() * 150);
    let at = 0;
    for await (const piece of opened.body) {
      expect(piece[0]).toBe(byteAt(at));
      at += piece.byteLength;
      if (isSlow && random() < 0.3) await sleep(random() * 10);
      if (random() < 0.003) return false;
    }
    return at === oddAnswer(seed).size;
  } catch (error) {
    const { code } = backend.classify(error);
    if (code === "unavailable" || code === "timeout") return false;
    throw error;
  }
}

async function readAll(backend: StorageBackend): Promise<void> {
  const exceptions: unknown[] = [];
  const note = (error: unknown) => void exceptions.push(error);
  process.on("uncaughtException", note);
  onTestFinished(() => void process.off("uncaughtException", note));
  let next = 0;
  let whole = 0;
  const reader = async () => {
    while (next < answers) if (await readOne(backend, next++)) whole++;
  };
  await Promise.all(Array.from({ length: readersAtOnce }, reader));
  await backend.close();
  await sleep(20);
  expect(exceptions).toEqual([]);
  expect(whole).toBeGreaterThan(answers / 5);
  expect(whole).toBeLessThan(answers);
}

it(`S3: no answer of ${answers}, however cut or slow, ends the process`, { timeout: 900_000 }, async () => {
  const headers = { etag: '"abc"', "content-type": "text/plain", "last-modified": time };
  const server = await startOddHttpServer(headers, (target, size) => {
    const name = new URL(target, "http://x").searchParams.get("prefix");
    return name === null ? undefined : listOf([[name, size]]);
  });
  onTestFinished(() => server.stop());
  const endpoint = `http://127.0.0.1:${server.port}`;
  await readAll(new S3Backend({ bucket: "bkt", endpoint, accessKey: "key", secretKey: "secret" }));
});

it(`GCS: no answer of ${answers}, however cut or slow, ends the process`, { timeout: 900_000 }, async () => {
  // Nobody is there to ask for a token, and an emulator needs none.
  vi.stubEnv("METADATA_SERVER_DETECTION", "none");
  const headers = { "x-goog-generation": "7", "content-type": "text/plain" };
  const server = await startOddHttpServer(headers, (target, size) => {
    if (target.includes("alt=media")) return undefined;
    return JSON.stringify({ name: "k", size: String(size), generation: "7", timeCreated: time });
  });
  onTestFinished(() => server.stop());
  const endpoint = `http://127.0.0.1:${server.port}`;
  await readAll(new GcsBackend({ bucket: "bkt", endpoint }));
});
