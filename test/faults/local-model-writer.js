// Works on one folder beside another process, and compares all that only this process changes with a map.
import assert from "node:assert/strict";
import { Storage, StorageError } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";

const [, , basePath, name, operations, durability] = process.argv;
const workers = 4;
const storage = new Storage(new LocalBackend({ basePath, durability }));
/** How often this process counted each shared counter up. */
const counted = {};

const random = (below) => Math.floor(Math.random() * below);
const textOf = async (key) => Buffer.from(await storage.get(key)).toString();

async function unless(code, call) {
  try {
    return await call();
  } catch (error) {
    if (error instanceof StorageError && error.code === code) return undefined;
    throw error;
  }
}

/** The folders are shared, so that one process removes an empty folder while the other puts something into it. */
const keyOf = (worker) => `${["a", "a/b", "c", "c/d/e"][random(4)]}/${name}${worker}-${random(6)}`;

const steps = {
  async put(model, worker) {
    const [key, note] = [keyOf(worker), String(Math.random())];
    const content = note.repeat(1 + (random(10) === 0 ? 5000 : random(20)));
    await storage.put(key, content, { metadata: { note } });
    model.set(key, { content, note });
  },
  async get(model, worker) {
    const key = keyOf(worker);
    const found = await unless("not_found", () => storage.open(key));
    const content = found && Buffer.from(await found.body.bytes()).toString();
    assert.deepEqual(found && { content, note: found.metadata.note }, model.get(key), `get ${key}`);
  },
  async remove(model, worker) {
    const key = keyOf(worker);
    assert.equal(await storage.delete(key), model.delete(key), `delete ${key}`);
  },
  async copy(model, worker) {
    const [from, to, moves] = [keyOf(worker), keyOf(worker), random(2) === 0];
    if (from === to) return;
    const done = await unless("not_found", async () => {
      await (moves ? storage.move(from, to) : storage.copy(from, to));
      return true;
    });
    assert.equal(done === true, model.has(from), `copy ${from}`);
    if (done) model.set(to, model.get(from));
    if (done && moves) model.delete(from);
  },
  async list(model, worker) {
    const keys = [];
    for await (const key of storage.listAllKeys()) if (key.includes(`/${name}${worker}-`)) keys.push(key);
    assert.deepEqual(keys, [...model.keys()].sort(), "list");
  },
  async count() {
    const key = `shared/counter${random(3)}`;
    const { etag, body } = await storage.open(key);
    const next = String(Number(Buffer.from(await body.bytes()).toString()) + 1);
    const done = await unless("precondition_failed", () => storage.put(key, next, { ifMatch: etag }));
    if (done !== undefined) counted[key] = (counted[key] ?? 0) + 1;
  },
  async overwrite() {
    const [key, note] = [`shared/${random(3)}`, String(Math.random())];
    await storage.put(key, note.repeat(1 + random(9000)), { metadata: { note } });
    const found = await storage.open(key);
    const content = Buffer.from(await found.body.bytes()).toString();
    assert.equal(content.replaceAll(found.metadata.note, ""), "", "one write has the metadata of another");
  },
};
const choices = ["put", "put", "put", "get", "get", "get", "remove", "copy", "count", "overwrite"];

async function worker(number) {
  const model = new Map();
  for (let step = 0; step < operations / workers; step++) {
    const choice = step % 50 === 0 ? "list" : choices[random(choices.length)];
    await steps[choice](model, number);
  }
  for (const [key, { content }] of model) assert.equal(await textOf(key), content, `in the end ${key}`);
}

await Promise.all(Array.from({ length: workers }, (_, number) => worker(number)));
await storage.close();
process.stdout.write(JSON.stringify(counted));
