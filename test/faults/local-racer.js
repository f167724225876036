// Races other processes on one folder; prints what it won as JSON.
import { Storage, StorageError } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";

const [, , basePath, game, startMs] = process.argv;
const storage = new Storage(new LocalBackend({ basePath, durability: "fast" }));

async function wins(call) {
  try {
    await call;
    return true;
  } catch (error) {
    if (error instanceof StorageError && error.code === "precondition_failed") return false;
    throw error;
  }
}

/** 50 writers for each of 20 keys. */
async function create() {
  const won = {};
  const tries = Array.from({ length: 1000 }, async (_, index) => {
    const key = `key${index % 20}`;
    const content = `${process.pid}.${index}`;
    if (await wins(storage.put(key, content, { ifAbsent: true }))) won[key] = [...(won[key] ?? []), content];
  });
  await Promise.all(tries);
  return won;
}

/** Counts up by compare-and-swap, 10 writers of 10. */
async function count() {
  const writer = async () => {
    for (let done = 0; done < 10; ) {
      const { etag, body } = await storage.open("counter");
      const next = String(Number(Buffer.from(await body.bytes()).toString()) + 1);
      if (await wins(storage.put("counter", next, { ifMatch: etag }))) done++;
    }
  };
  await Promise.all(Array.from({ length: 10 }, writer));
  return {};
}

await storage.check();
await new Promise((resolve) => setTimeout(resolve, Number(startMs) - Date.now()));
process.stdout.write(JSON.stringify(await (game === "create" ? create() : count())));
await storage.close();
