import { describe, expect, it, onTestFinished } from "vitest";
import { findOverlap, openEnd } from "#dist/cli/copy/open-end.js";
import { sideEnvironment } from "#dist/cli/copy/side-environment.js";
import { parseStorageUrl } from "#dist/cli/copy/storage-url.js";
import { parseSettings, type SettingsSchema } from "#dist/kernel/index.js";
import { backendVariables } from "#dist/storage/backends.js";

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

describe("what a side says itself is not overruled by the usual variables:", () => {
  const oldAzure = {
    AZURE_STORAGE_CONNECTION_STRING: "of-the-old-account",
    STORAGE_AZURE_CONNECTION_STRING_FILE: "old",
  };
  const oldCloud = {
    STORAGE_CLOUDINARY_CLOUD_NAME: "old",
    STORAGE_CLOUDINARY_API_KEY: "1",
    STORAGE_CLOUDINARY_API_SECRET: "old-secret",
  };
  const newCloud = { STORAGE_TO_CLOUDINARY_URL: "cloudinary://2:secret@new" };

  it.each([
    [
      "azure://photos",
      { ...oldAzure, STORAGE_TO_AZURE_ACCOUNT: "newacct", STORAGE_TO_AZURE_ACCOUNT_KEY: "a2V5" },
      ["container", "account", "accountKey"],
    ],
    ["azure://photos?account=newacct", oldAzure, ["container", "account"]],
    [
      "azure://photos?account=newacct",
      { STORAGE_AZURE_ACCOUNT: "oldacct", STORAGE_AZURE_ENDPOINT: "https://oldacct.example.com" },
      ["container", "account"],
    ],
    [
      "azure://photos?account=newacct&endpoint=https://newacct.example.com",
      { STORAGE_AZURE_ENDPOINT: "https://oldacct.example.com" },
      ["container", "account", "endpoint"],
    ],
    ["cloudinary:", { ...oldCloud, ...newCloud }, ["url"]],
    ["cloudinary://new", { ...oldCloud, ...newCloud }, ["url", "cloudName"]],
    [
      "gcs://photos",
      { STORAGE_GCS_CREDENTIALS: "{}", STORAGE_TO_GCS_CREDENTIALS_PATH: "new.json" },
      ["bucket", "credentialsPath"],
    ],
    ...["STORAGE_S3_SESSION_TOKEN", "STORAGE_S3_SESSION_TOKEN_FILE", "AWS_SESSION_TOKEN"].map(
      (token): [string, Record<string, string>, string[]] => [
        "s3://photos",
        { [token]: "of-other-keys", STORAGE_TO_S3_ACCESS_KEY: "a", STORAGE_TO_S3_SECRET_KEY: "b" },
        ["bucket", "accessKey", "secretKey"],
      ],
    ),
  ])("%s with %j has %j", (url, env, expected) => expect(settingsOf(url, env)).toEqual(expected));

  it.each([
    ["azure://photos", { AZURE_STORAGE_CONNECTION_STRING: "text" }, ["container", "connectionString"]],
    ["cloudinary://new", { CLOUDINARY_URL: "cloudinary://1:secret@old" }, ["url", "cloudName"]],
    [
      "cloudinary:?endpoint=https://api-eu.cloudinary.com",
      oldCloud,
      ["cloudName", "apiKey", "apiSecret", "endpoint"],
    ],
    ["gcs://photos", { STORAGE_GCS_CREDENTIALS: "{}" }, ["bucket", "credentials"]],
    [
      "s3://photos",
      {
        AWS_ACCESS_KEY_ID: "a",
        AWS_SECRET_ACCESS_KEY: "b",
        AWS_SESSION_TOKEN: "c",
        STORAGE_TO_S3_CUSTOMER_KEY: "d",
      },
      ["bucket", "accessKey", "secretKey", "sessionToken", "customerKey"],
    ],
  ])("what %s does not say comes from %j", (url, env, expected) => {
    expect(settingsOf(url, env)).toEqual(expected);
  });

  /** The settings without a default that `--to` has. */
  function settingsOf(raw: string, env: Record<string, string>): string[] {
    const url = parseStorageUrl(raw, "--to");
    const schema: SettingsSchema = backendVariables[url.type];
    const own = parseSettings(schema, sideEnvironment(env, "to", url).env, {});
    const usual = parseSettings(schema, {}, {});
    return Object.keys(own).filter((option) => own[option] !== undefined && usual[option] === undefined);
  }
});
