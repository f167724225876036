// Fills a folder, writes durably until it is killed, or starts an application on it and prints how long that took.

import Fastify from "fastify";
import { addStorage } from "svc-infra";
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";

const [, , task, basePath, count] = process.argv;
const keyOf = (index) => `${index % 1000}/${index}`;

async function inParallel(calls, call) {
  let next = 0;
  const worker = async () => {
    while (next < calls) await call(next++);
  };
  await Promise.all(Array.from({ length: 32 }, worker));
}

async function fill() {
  const storage = new Storage(new LocalBackend({ basePath, durability: "fast" }));
  await inParallel(Number(count), (index) => storage.put(keyOf(index), ""));
  await storage.close();
}

/** Says when so many puts are acknowledged, and goes on. */
async function write() {
  const storage = new Storage(new LocalBackend({ basePath, durability: "full" }));
  let acknowledged = 0;
  await inParallel(Number.POSITIVE_INFINITY, async (index) => {
    // A number alone could be a folder of what was filled.
    await storage.put(`by-${process.pid}/${keyOf(index)}`, `content ${index}`);
    if (++acknowledged === Number(count)) process.stdout.write("enough\n");
  });
}

async function start() {
  Object.assign(process.env, { STORAGE_BACKEND: "local", STORAGE_BASE_PATH: basePath });
  const app = Fastify();
  const startMs = performance.now();
  await addStorage(app);
  await app.ready();
  await app.storage.check();
  process.stdout.write(String(performance.now() - startMs));
  await app.close();
}

await { fill, write, start }[task]();
