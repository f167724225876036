import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LocalBackend } from "svc-infra/storage/local";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Service, startService } from "./service.js";

const objects = Array.from({ length: 3 }, (_, index) => ({
  key: `large-${index}.bin`,
  bytes: randomBytes(24_000_000 + index),
}));
let folder: string;
let service: Service;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svc-infra-large-"));
  service = await startService({ backend: new LocalBackend({ basePath: folder }) });
  for (const { key, bytes } of objects) await service.storage.put(key, bytes);
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true });
});

test("large objects that are read side by side by slow and fast clients each arrive as they are", async () => {
  const rounds = [0, 1, 2].flatMap(() => objects);
  const received = await Promise.all(rounds.map(({ key }, index) => download(key, index % 3 === 0)));
  expect(received).toEqual(rounds.map(({ bytes }) => sha256(bytes)));
});

test("an object arrives as it is after clients have left others half-way", async () => {
  for (const { key } of objects) {
    const answer = await open(key);
    await new Promise((resolve) => answer.once("data", resolve));
    answer.destroy();
  }
  const received = await Promise.all(objects.map(({ key }) => download(key, false)));
  expect(received).toEqual(objects.map(({ bytes }) => sha256(bytes)));
});

async function download(key: string, isSlow: boolean): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of await open(key)) {
    hash.update(piece);
    if (isSlow) await sleep(2);
  }
  return hash.digest("hex");
}

function open(key: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(`http://127.0.0.1:${service.port}/_storage/download/${key}`, resolve).once("error", reject);
  });
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
