// Signs with the kept secret of each folder, racing another process that does the same; prints the URLs as JSON.
import { parseKey } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";

const [, , startMs, ...bases] = process.argv;
const asked = { method: "get", expiresAt: new Date(2e12), download: false };
const backends = bases.map((basePath) => new LocalBackend({ basePath, durability: "fast" }));
const missing = { signal: undefined };
await Promise.all(
  backends.map((backend) => backend.stat(parseKey("missing"), missing).catch(() => undefined)),
);
await new Promise((resolve) => setTimeout(resolve, Number(startMs) - Date.now()));
const urls = await Promise.all(
  backends.map(async (backend) => (await backend.sign(parseKey("a/b"), asked))()),
);
process.stdout.write(JSON.stringify(urls));
await Promise.all(backends.map((backend) => backend.close()));
