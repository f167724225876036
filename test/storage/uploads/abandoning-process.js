// @ts-check
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";

/*
 * Begins uploads of all kinds until it is killed. Those that live long enough to be completed are told by their ids; all
 * others are abandoned.
 */
const [basePath = "", serial = ""] = process.argv.slice(2);
const backend = new LocalBackend({ basePath, baseUrl: "http://localhost/files", durability: "fast" });
const storage = new Storage(backend, { policy: { types: ["text/plain"] } });
const { receiveStaged } = await import("#dist/storage/uploads/receive.js");

/** @param {string} id */
async function send(id) {
  const key = /** @type {import("svc-infra/storage").Key} */ (`.svc-infra/staging/${id}/content`);
  const source = (async function* () {
    yield Buffer.from("hello");
  })();
  await receiveStaged(backend, key, { source, size: 5, signal: new AbortController().signal });
}

for (let turn = 0; ; turn++) {
  const key = `${serial}/${turn}`;
  const isAbandoned = turn % 4 !== 0;
  const upload = await storage.prepareUpload(key, {
    size: 5,
    contentType: "text/plain",
    expiresIn: isAbandoned ? 1 : 3600,
  });
  if (turn % 3 !== 0 || !isAbandoned) await send(upload.id);
  if (turn % 5 === 0) await (await storage.createUpload(`${key}.parts`)).writePart(1, "part");
  process.stdout.write(`${isAbandoned ? "abandoned" : "alive"} ${upload.id} ${key}\n`);
}
