import { describe, expect, it, onTestFinished } from "vitest";
import { findOverlap, openEnd } from "#dist/cli/copy/open-end.js";

const keys = {
  STORAGE_S3_ACCESS_KEY: "a",
  STORAGE_S3_SECRET_KEY: "b",
  CLOUDINARY_URL: "cloudinary://1:secret@one",
};

/** What is wrong with a copy. */
async function overlapOf(
  from: string,
  to: string,
  env: Record<string, string> = {},
): Promise<string | undefined> {
  const ends = [
    await openEnd(from, "from", { ...keys, ...env }),
    await openEnd(to, "to", { ...keys, ...env }),
  ] as const;
  onTestFinished(async () => {
    for (const { storage } of ends) await storage.close();
  });
  for (const { service } of ends) expect(service).not.toContain("secret");
  return findOverlap(...ends);
}

describe("two ends overlap", () => {
  it.each([
    ["s3://bucket", "s3://bucket", {}],
    ["s3://bucket/a", "s3://bucket/a/b", {}],
    ["s3://bucket/a/b/", "s3://bucket/a", {}],
    ["s3://bucket", "s3:", { STORAGE_S3_BUCKET: "bucket" }],
    ["s3://bucket", "s3://bucket/b", { STORAGE_TO_S3_ACCESS_KEY: "c", STORAGE_TO_S3_SECRET_KEY: "d" }],
    ["s3://bucket", "s3://bucket?endpoint=https://s3.amazonaws.com", {}],
    ["s3://bucket?region=eu-west-1", "s3://bucket?endpoint=https://s3.eu-west-1.amazonaws.com/", {}],
    ["s3://bucket", "s3://bucket?endpoint=HTTPS://S3.AmazonAWS.com:443", {}],
    ["s3://bucket?endpoint=https://s3.example.com", "s3://bucket?endpoint=https://S3.Example.com:443/", {}],
    ["cloudinary:", "cloudinary:?folder=files", {}],
  ])("%s and %s with %j", async (from, to, env) => expect(await overlapOf(from, to, env)).toMatch(/--from/));
});

describe("two ends are apart", () => {
  it.each([
    ["s3://bucket", "s3://other", {}],
    ["s3://bucket/a", "s3://bucket/ab", {}],
    ["s3://bucket", "s3://bucket?endpoint=https://s3.example.com", {}],
    ["s3://bucket", "s3://bucket", { STORAGE_FROM_S3_ENDPOINT: "https://s3.example.com" }],
    ["s3://bucket", "s3://bucket?endpoint=https://s3.cn-north-1.amazonaws.com.cn", {}],
    ["s3://bucket?endpoint=https://s3.example.com", "s3://bucket?endpoint=https://s3.example.com:8443", {}],
    ["cloudinary:", "cloudinary:", { STORAGE_TO_CLOUDINARY_URL: "cloudinary://2:secret@two" }],
    ["cloudinary:", "cloudinary:?folder=others", {}],
  ])("%s and %s with %j", async (from, to, env) => expect(await overlapOf(from, to, env)).toBeUndefined());
});
