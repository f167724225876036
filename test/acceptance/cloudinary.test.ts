import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Served, serve } from "./served.js";
import { cloudinary } from "./served-backends.js";
import { call } from "./service.js";

/** The smallest PNG there is: one pixel. */
const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
  "base64",
);
const mp4 = Buffer.concat([
  Buffer.from("\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "latin1"),
  Buffer.alloc(500_000, 7),
]);
const pdf = Buffer.from("%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n");

const files = [
  { name: "t/1/images/photo.png", content: png, contentType: "image/png" },
  { name: "t/1/videos/film.mp4", content: mp4, contentType: "video/mp4" },
  { name: "t/1/v2/contract.pdf", content: pdf, contentType: "application/pdf" },
];

describe("an image, a video and a PDF on Cloudinary, over HTTP", () => {
  let service: Served;

  beforeAll(async () => {
    service = await serve(cloudinary);
  });
  afterAll(() => service?.stop());

  const path = (route: string, name: string) => ({ path: `/_storage/${route}/${name}` });

  test.each(files)("A22-01 and A22-05: $name comes back as it was, with its description", async (file) => {
    const { name, content, contentType } = file;
    const headers = { "content-type": contentType, "x-meta-title": "=?UTF-8?Q?a|b=3Dc?=" };
    const put = await call(service.port, { method: "PUT", ...path("files", name), headers, body: content });
    expect(put.json()).toMatchObject({ key: name, size: content.length, contentType });
    const downloaded = await call(service.port, path("download", name));
    expect(downloaded.body.equals(content)).toBe(true);
    expect(downloaded.headers["content-type"]).toBe(contentType);
    const served = await fetch(String(put.json().url));
    expect(Buffer.from(await served.arrayBuffer()).equals(content)).toBe(true);
    const part = await call(service.port, { ...path("download", name), headers: { range: "bytes=8-19" } });
    expect([part.status, part.body.equals(content.subarray(8, 20))]).toEqual([206, true]);
  });

  test("A22-05: objects of all types are listed in the order of their keys", async () => {
    const listed = await call(service.port, { path: "/_storage/list?prefix=t/1/" });
    expect(listed.json()).toMatchObject({
      keys: files.map(({ name }) => name).sort(),
      count: 3,
      cursor: null,
    });
  });

  test.each(files)("A22-04: $name is deleted, and then it is gone", async ({ name }) => {
    const first = await call(service.port, { method: "DELETE", ...path("files", name) });
    const again = await call(service.port, { method: "DELETE", ...path("files", name) });
    const download = await call(service.port, path("download", name));
    expect([first.status, again.status, download.status]).toEqual([204, 404, 404]);
  });
});
