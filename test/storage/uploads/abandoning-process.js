// @ts-check
import { easyStorage } from "svc-infra";
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";

/*
 * Begins uploads of all kinds until it is killed. Those that live long enough to be completed are told by their ids; all
 * others are abandoned. With the word `living` it begins some of each kind, waits for a message, and completes them.
 */
const [serial = "", mode] = process.argv.slice(2);
const { ABANDONED_FOLDER: basePath } = process.env;
const policy = { types: ["text/plain"] };
const baseUrl = "http://localhost/files";
/** @type {Storage} */
const storage =
  basePath === undefined
    ? (await easyStorage({}, process.env)).withPolicy(policy)
    : new Storage(new LocalBackend({ basePath, baseUrl, durability: "fast" }), { policy });
const { receiveStaged } = await import("#dist/storage/uploads/receive.js");

/** Content above 32 MiB goes in parts, the last of which is a byte. */
const large = Buffer.alloc(2 * 16 * 1024 * 1024 + 1, "hello");
const canSendParts = storage.backend.capabilities.direct === "parts";
const contentType = "text/plain";

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

/**
 * Sends some parts of the large content.
 *
 * @param {readonly import("svc-infra/storage").PreparedPart[]} parts
 */
async function sendParts(parts) {
  for (const { url, method, headers, start, end } of parts) {
    await fetch(url, { method, headers, body: large.subarray(start, end) });
  }
}

/**
 * Begins an upload, and sends its content where that is wanted; of a large one at least the last part.
 *
 * @param {string} key
 * @param {{ expiresIn: number, isLarge: boolean, isSent: boolean }} how
 */
async function begin(key, { expiresIn, isLarge, isSent }) {
  const size = isLarge ? large.byteLength : 5;
  const upload = await storage.prepareUpload(key, { size, contentType, expiresIn });
  if (isLarge) await sendParts(isSent ? upload.parts : upload.parts.slice(-1));
  else if (isSent) await send(upload);
  return upload;
}

/**
 * What becomes of an upload, by its turn.
 *
 * @param {number} turn
 */
function fateOf(turn) {
  const isAbandoned = turn % 4 !== 0;
  const isLarge = canSendParts && (isAbandoned ? turn % 5 === 2 : turn === 4 && serial === "0");
  const isSent = !isAbandoned || (!isLarge && turn % 3 !== 0);
  return { isAbandoned, isLarge, isSent, expiresIn: isAbandoned ? 1 : 3600 };
}

async function abandon() {
  for (let turn = 0; ; turn++) {
    const key = `${serial}/${turn}`;
    const fate = fateOf(turn);
    const { id } = await begin(key, fate);
    if (turn % 5 === 0) await (await storage.createUpload(`${key}.parts`)).writePart(1, "part");
    const size = fate.isLarge ? large.byteLength : 5;
    process.stdout.write(`${fate.isAbandoned ? "abandoned" : "alive"} ${id} ${key} ${size}\n`);
  }
}

/** Begins uploads, and completes them when it is told to. */
async function live() {
  const told = new Promise((resolve) => process.once("message", resolve));
  const ends = [];
  for (let turn = 0; turn < 4; turn++) {
    const key = `living-${serial}/${turn}`;
    const upload = await begin(key, { expiresIn: 3600, isLarge: false, isSent: turn % 2 === 0 });
    ends.push(async () => {
      if (turn % 2 === 1) await send(upload);
      await storage.completeUpload(upload.id);
      return key;
    });
    const parts = await storage.createUpload(`${key}.parts`, { contentType });
    await parts.writePart(1, "hello");
    ends.push(async () => (await parts.complete()).key);
  }
  if (canSendParts) {
    const key = `living-${serial}/large`;
    const { id, parts } = await begin(key, { expiresIn: 3600, isLarge: true, isSent: false });
    ends.push(async () => {
      await sendParts(parts.slice(0, -1));
      return (await storage.completeUpload(id)).key;
    });
  }
  process.stdout.write("begun\n");
  await told;
  for (const end of ends) process.stdout.write(`${await end()}\n`);
  await storage.close();
  process.disconnect();
}

await (mode === "living" ? live() : abandon());
