import { setTimeout as sleep } from "node:timers/promises";
import { Storage, type StorageBackend, StorageError } from "svc-infra/storage";
import { CloudinaryBackend } from "svc-infra/storage/cloudinary";
import { GcsBackend } from "svc-infra/storage/gcs";
import { S3Backend } from "svc-infra/storage/s3";
import { expect, it, onTestFinished, vi } from "vitest";
import { byteAt, numbersOf, oddAnswer, startOddHttpServer } from "../rigs/odd-http-server.js";
import { listOf } from "../rigs/s3-double.js";

const answers = Number(process.env.ODD_ANSWERS ?? 400);
const readersAtOnce = 24;
/** What an answer that is cut ends with. */
const failures = new Set(["unavailable", "timeout", "corrupt"]);
const time = new Date().toUTCString();

/** Reads one answer, fast or with pauses. Resolves to whether all of it came; anything but a failure that has a class is thrown. */
async function readOne(storage: Storage, seed: number): Promise<boolean> {
  const random = numbersOf(seed + 1_000_003);
  const isSlow = random() < 0.6;
  try {
    const { body } = await storage.open(`k/${seed}`);
    if (isSlow) await sleep(random() * 150);
    let at = 0;
    for await (const piece of body) {
      expect(piece[0]).toBe(byteAt(at));
      at += piece.byteLength;
      if (isSlow && random() < 0.3) await sleep(random() * 10);
      if (random() < 0.003) return false;
    }
    // A body that ends without an error is whole, also where only the end of its connection ends it (RFC 9112 §6.3).
    expect(at).toBe(oddAnswer(seed).size);
    return true;
  } catch (error) {
    if (error instanceof StorageError && failures.has(error.code)) return false;
    throw error;
  }
}

async function readAll(backend: StorageBackend): Promise<void> {
  const storage = new Storage(backend);
  const exceptions: unknown[] = [];
  const note = (error: unknown) => void exceptions.push(error);
  process.on("uncaughtException", note);
  onTestFinished(() => void process.off("uncaughtException", note));
  let next = 0;
  let whole = 0;
  const reader = async () => {
    while (next < answers) if (await readOne(storage, next++)) whole++;
  };
  await Promise.all(Array.from({ length: readersAtOnce }, reader));
  await storage.close();
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
    return JSON.stringify({ name: "k", size: String(size), generation: "7", updated: time });
  });
  onTestFinished(() => server.stop());
  const endpoint = `http://127.0.0.1:${server.port}`;
  await readAll(new GcsBackend({ bucket: "bkt", endpoint }));
});

it(`Cloudinary: no answer of ${answers}, however cut or slow, ends the process`, {
  timeout: 900_000,
}, async () => {
  const server = await startOddHttpServer({ etag: '"abc"', "content-type": "text/plain" }, (target, size) => {
    if (target.includes("/download?")) return undefined;
    return JSON.stringify({ public_id: "k", version: 7, bytes: size, etag: "abc" });
  });
  onTestFinished(() => server.stop());
  const endpoint = `http://127.0.0.1:${server.port}`;
  await readAll(new CloudinaryBackend({ cloudName: "cloud", apiKey: "1", apiSecret: "secret", endpoint }));
});
