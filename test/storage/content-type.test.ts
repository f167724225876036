import { describe, expect, it } from "vitest";
import { isContentType, sniffContentType, unknownContentType } from "#dist/storage/content/content-type.js";

const latin1 = (text: string) => Buffer.from(text, "latin1");

describe("the content type of a file that came without one", () => {
  it.each([
    ["\x89PNG\r\n\x1a\n....", "a.txt", "image/png"],
    ["\xff\xd8\xff\xe0", "a", "image/jpeg"],
    ["RIFF....WEBPVP8 ", "a", "image/webp"],
    ["....WEBPVP8 ", "a", "text/plain; charset=utf-8"],
    ["RIFF....WAVEfmt ", "a", "audio/wav"],
    ["news WAVE", "a.txt", "text/plain; charset=utf-8"],
    ["RIFF....AVI LIST", "a", "video/avi"],
    ["BM\x46\0\0\0\0\0", "a", "image/bmp"],
    ["BM\x46\0\0\0\0\0", "a.csv", "image/bmp"],
    ["BMW,price", "a.csv", "text/csv; charset=utf-8"],
    ["BMW is a name", "a", "text/plain; charset=utf-8"],
    ["ID3\x04\0", "a", "audio/mpeg"],
    ["ID3;name", "a.csv", "text/csv; charset=utf-8"],
    ["\xff\xfb\x90", "a", "audio/mpeg"],
    ["PNG", "a", "text/plain; charset=utf-8"],
    ["....ftypavif....", "a", "image/avif"],
    ["....ftypisom....", "a.mp4", "video/mp4"],
    ["%PDF-1.7", "a.html", "application/pdf"],
    ["PK\x03\x04", "a.zip", "application/zip"],
    ["PK\x03\x04", "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
    ["<html>", "folder.d/index.HTML", "text/html; charset=utf-8"],
    ["<html>", "index", "text/plain; charset=utf-8"],
    ["{}", "a.json", "application/json"],
    ["\x00\x01", "a.txt", unknownContentType],
    ["", "a", unknownContentType],
    ["", "a.css", "text/css; charset=utf-8"],
    ["plain words", "constructor", "text/plain; charset=utf-8"],
    ["plain words", "a.constructor", "text/plain; charset=utf-8"],
  ])("%j named %j is %s", (head, name, type) => {
    expect(sniffContentType(latin1(head), name)).toBe(type);
  });
});

describe("a media type", () => {
  it.each(["text/plain", "text/plain; charset=utf-8", 'a/b; c="d e"', "image/svg+xml"])(
    "is taken: %s",
    (raw) => {
      expect(isContentType(raw)).toBe(true);
    },
  );

  it.each([
    "",
    "text",
    "text/",
    "/plain",
    "text/plain\r\nx: y",
    "text/plain;",
    "text /plain",
    "a/b; c",
    7,
    "a/b".repeat(100),
  ])("is refused: %j", (raw) => {
    expect(isContentType(raw)).toBe(false);
  });
});
