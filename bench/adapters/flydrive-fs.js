import { Readable } from "node:stream";
import { Disk } from "flydrive";
import { FSDriver } from "flydrive/drivers/fs";
import { sortedSlice } from "./sorted-slice.js";

/**
 * Writes in place; type by extension, no metadata.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const adapter = {
  name: "flydrive-fs",
  layout: "plain",
  open: async ({ dir }) => {
    const disk = new Disk(new FSDriver({ location: dir, visibility: "public" }));
    return {
      put: (key, bytes) => disk.put(key, bytes, { contentType: "application/octet-stream" }),
      get: (key) => disk.getBytes(key),
      putStream: (key, source) => disk.putStream(key, Readable.from(source, { objectMode: false })),
      getStream: (key) => disk.getStream(key),
      stat: async (key) => ({ size: (await disk.getMetaData(key)).contentLength }),
      countAll: async () => (await keysOf(disk)).length,
      firstPage: async () => (await keysOf(disk, 100)).slice(0, 100),
      middlePage: async (cursor) => sortedSlice(await keysOf(disk), cursor),
      close: async () => undefined,
    };
  },
};

/**
 * @param {Disk} disk
 * @param {number} [maxResults]
 */
async function keysOf(disk, maxResults) {
  const options = maxResults === undefined ? { recursive: true } : { recursive: true, maxResults };
  const { objects } = await disk.listAll("", options);
  return [...objects].map((object) => ("key" in object ? object.key : object.name));
}
