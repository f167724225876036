// Writes, overwrites and deletes until it is killed, and says what was asked and what was acknowledged.
import { writeSync } from "node:fs";
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";

const [, , basePath, durability, round] = process.argv;
const storage = new Storage(new LocalBackend({ basePath, durability }));

/** Synchronous, so that a line is out before the next step: a kill cannot swallow it. */
const say = (line) => writeSync(1, `${line}\n`);

async function* pieces(text) {
  for (let start = 0; start < text.length; start += 30_000)
    yield Buffer.from(text.slice(start, start + 30_000));
}

async function writer(number) {
  for (let serial = 0; ; serial++) {
    const key = `writer${number}/k${serial % 3}`;
    const token = `${round}.${number}.${serial}`;
    const isRemoval = serial % 7 === 6;
    say(`begin ${isRemoval ? "remove" : "put"} ${key} ${token}`);
    if (isRemoval) await storage.delete(key);
    else await put(key, token, serial);
    say(`end ${key} ${token}`);
  }
}

async function put(key, token, serial) {
  const text = `${token} `.repeat(serial % 5 === 0 ? 20_000 : 1 + (serial % 50));
  const content = serial % 5 === 0 ? pieces(text) : text;
  await storage.put(key, content, {
    metadata: { token, length: String(text.length) },
    contentType: "text/x-crash",
  });
}

await storage.check();
await Promise.all(Array.from({ length: 8 }, (_, number) => writer(number)));
