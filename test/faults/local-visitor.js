// Opens a folder and writes a key there for half a second; prints how that ended.
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";

const [, , basePath, key] = process.argv;
const storage = new Storage(new LocalBackend({ basePath, durability: "fast" }));
await storage.check();
const write = storage.put(key, "visitor", { signal: AbortSignal.timeout(500) });
process.stdout.write(
  await write.then(
    () => "done",
    ({ code }) => code,
  ),
);
await storage.close();
