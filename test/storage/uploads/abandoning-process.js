// @ts-check
import { easyStorage } from "svc-infra";
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";

/*
 * Begins uploads of all kinds until it is killed. Those that live long enough to be completed are told by their ids; all
 * others are abandoned.
 */
const [serial = ""] = process.argv.slice(2);
const { ABANDONED_FOLDER: basePath } = process.env;
const policy = { types: ["text/plain"] };
const baseUrl = "http://localhost/files";
/** @type {Storage} */
const storage =
  basePath === undefined
    ? (await easyStorage({}, process.env)).withPolicy(policy)
    : new Storage(new LocalBackend({ basePath, baseUrl, durability: "fast" }), { policy });
const { receiveStaged } = await import("#dist/storage/uploads/receive.js");

/**
 * Sends the content as the client does: to the provider, or to the file route, which is not there.
 *
 * @param {import("svc-infra/storage").PreparedUpload} upload
 */
async function send({ id, method, url = "", headers }) {
  if (!url.startsWith(baseUrl)) {
    await fetch(url, { method, headers, body: "hello" });
    return;
  }
  const key = /** @type {import("svc-infra/storage").Key} */ (`.svc-infra/staging/${id}/content`);
  const source = (async function* () {
    yield Buffer.from("hello");
  })();
  await receiveStaged(storage.backend, key, { source, size: 5, signal: new AbortController().signal });
}

for (let turn = 0; ; turn++) {
  const key = `${serial}/${turn}`;
  const isAbandoned = turn % 4 !== 0;
  const upload = await storage.prepareUpload(key, {
    size: 5,
    contentType: "text/plain",
    expiresIn: isAbandoned ? 1 : 3600,
  });
  if (turn % 3 !== 0 || !isAbandoned) await send(upload);
  if (turn % 5 === 0) await (await storage.createUpload(`${key}.parts`)).writePart(1, "part");
  process.stdout.write(`${isAbandoned ? "abandoned" : "alive"} ${upload.id} ${key}\n`);
}
