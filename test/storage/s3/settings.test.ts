import { easyStorage } from "svc-infra";
import { S3Backend, type S3Provider } from "svc-infra/storage/s3";
import { describe, expect, it } from "vitest";
import { encryptionHeaders } from "#dist/storage/backends/s3/headers/encryption.js";
import { detectProvider } from "#dist/storage/backends/s3/providers.js";
import { parseListAnswer } from "#dist/storage/backends/s3/wire/list-answer.js";
import { BucketLocation } from "#dist/storage/backends/s3/wire/location.js";
import { backendFromEnv } from "#dist/storage/from-env.js";

const keys = { STORAGE_S3_ACCESS_KEY: "key", STORAGE_S3_SECRET_KEY: "secret" };

async function urlOf(env: Record<string, string>): Promise<string> {
  const { backend } = await backendFromEnv({ STORAGE_S3_BUCKET: "files", ...keys, ...env });
  const { Storage } = await import("svc-infra/storage");
  const url = await new Storage(backend).getUrl("a/b.txt", { expiresIn: 60 });
  await backend.close();
  return url;
}

it.each([{ type: "sse-s3" }, { type: "sse-kms", keyId: "key" }] as const)(
  "with $type URLs to read can be signed, and none to upload, which would not be encrypted so",
  (encryption) => {
    const { capabilities } = new S3Backend({ bucket: "files", provider: "aws", encryption });
    expect(capabilities).toMatchObject({ signGet: true, signPut: false, signSize: false });
  },
);

describe("where a bucket is", () => {
  it.each([
    [{}, "https://files.s3.us-east-1.amazonaws.com/a/b.txt?"],
    [{ AWS_REGION: "eu-central-1" }, "https://files.s3.eu-central-1.amazonaws.com/a/b.txt?"],
    [{ STORAGE_S3_REGION: "cn-north-1" }, "https://files.s3.cn-north-1.amazonaws.com.cn/a/b.txt?"],
    [{ STORAGE_S3_BUCKET: "my.files" }, "https://s3.us-east-1.amazonaws.com/my.files/a/b.txt?"],
    [
      { STORAGE_S3_ENDPOINT: "https://nyc3.digitaloceanspaces.com" },
      "https://files.nyc3.digitaloceanspaces.com/a",
    ],
    [
      { STORAGE_S3_ENDPOINT: "https://id.r2.cloudflarestorage.com" },
      "https://id.r2.cloudflarestorage.com/files/a",
    ],
    [{ STORAGE_S3_ENDPOINT: "http://127.0.0.1:9000/s3" }, "http://127.0.0.1:9000/s3/files/a/b.txt?"],
    [
      { STORAGE_S3_ENDPOINT: "https://s3.example.com", STORAGE_S3_ADDRESSING: "host" },
      "https://files.s3.example.com/a",
    ],
  ])("%j: %s", async (env, start) => {
    expect((await urlOf(env)).startsWith(start)).toBe(true);
  });

  it("changes with the region on AWS, and not on another endpoint", () => {
    const location = { bucket: "files", region: "us-east-1", pathStyle: false };
    const aws = new BucketLocation({ ...location, endpoint: new URL("https://s3.us-east-1.amazonaws.com") });
    const other = new BucketLocation({ ...location, endpoint: new URL("https://s3.example.com") });
    expect([aws.moveTo("eu-west-1"), aws.address.host]).toEqual([true, "files.s3.eu-west-1.amazonaws.com"]);
    expect([other.moveTo("eu-west-1"), other.address.host]).toEqual([true, "files.s3.example.com"]);
    expect(aws.moveTo("eu-west-1")).toBe(false);
    for (const special of ["s3-accelerate.amazonaws.com", "s3-fips-us-gov-west-1.amazonaws.com"]) {
      const { address } = new BucketLocation({ ...location, endpoint: new URL(`https://${special}`) });
      expect(address.host).toBe(`files.${special}`);
    }
    expect([aws.moveTo("evil.example/#"), aws.address.region]).toEqual([false, "eu-west-1"]);
  });

  it.each(["evil.example/#", "a.b", "evil.example:443", "@evil.example", "a".repeat(64)])(
    "is refused in a region that would be another host: %s",
    async (region) => {
      const url = urlOf({ STORAGE_S3_REGION: region });
      await expect(url).rejects.toThrow("STORAGE_S3_REGION is not the name of a region");
      const endpoint = "http://127.0.0.1:9000";
      expect(() => new S3Backend({ bucket: "files", region, endpoint })).toThrow("STORAGE_S3_REGION");
    },
  );
});

describe("which service it is", () => {
  const hosts: readonly (readonly [string, S3Provider])[] = [
    ["https://s3.eu-west-1.amazonaws.com", "aws"],
    ["https://id.eu.r2.cloudflarestorage.com", "r2"],
    ["https://fra1.digitaloceanspaces.com", "spaces"],
    ["https://s3.eu-central-1.wasabisys.com", "wasabi"],
    ["https://s3.us-west-004.backblazeb2.com", "b2"],
    ["https://amazonaws.com.evil.example", "other"],
    ["https://notamazonaws.com", "other"],
    ["http://127.0.0.1:9000", "other"],
  ];

  it.each(hosts)("%s: %s", (endpoint, provider) => {
    expect(detectProvider(new URL(endpoint))).toBe(provider);
  });

  it("may be named, which decides what can be done", () => {
    const options = { bucket: "files", endpoint: "https://s3.example.com", accessKey: "a", secretKey: "b" };
    expect(new S3Backend(options).capabilities.ifAbsent).toBe(false);
    expect(new S3Backend({ ...options, provider: "minio" }).capabilities.ifAbsent).toBe(true);
  });
});

describe("how objects are encrypted", () => {
  const name = "x-amz-server-side-encryption";

  it("is said when they are made", () => {
    expect(encryptionHeaders({ type: "sse-s3" }).create).toEqual({ [name]: "AES256" });
    expect(encryptionHeaders({ type: "sse-kms", keyId: "key" }).create).toEqual({
      [name]: "aws:kms",
      [`${name}-aws-kms-key-id`]: "key",
    });
    expect(encryptionHeaders({ type: "sse-kms" }).access).toEqual({});
  });

  it("with a key of one's own needs 32 bytes of it, in base64 in the environment", async () => {
    const env = { STORAGE_S3_BUCKET: "files", ...keys, STORAGE_S3_ENCRYPTION: "sse-c" };
    const key = Buffer.alloc(32, 1).toString("base64");
    const { backend } = await backendFromEnv({ ...env, STORAGE_S3_CUSTOMER_KEY: key });
    expect(backend.capabilities.signGet).toBe(false);
    await expect(backendFromEnv(env)).rejects.toThrow(/STORAGE_S3_CUSTOMER_KEY/);
    await expect(backendFromEnv({ ...env, STORAGE_S3_CUSTOMER_KEY: "short" })).rejects.toThrow(/32 bytes/);
  });
});

it("easyStorage makes one from options", async () => {
  const options = { backend: "s3", bucket: "files", accessKey: "a", secretKey: "b" } as const;
  const storage = await easyStorage(options, {});
  expect(storage.backend.type).toBe("s3");
  await storage.close();
});

it("a bucket without a name is refused", () => {
  expect(() => new S3Backend({ bucket: "" })).toThrow(/STORAGE_S3_BUCKET/);
});

it.each([
  [{ AWS_ACCESS_KEY_ID: "key" }, "STORAGE_S3_SECRET_KEY is not set"],
  [{ STORAGE_S3_SECRET_KEY: "secret" }, "STORAGE_S3_ACCESS_KEY is not set"],
])("of two keys the one that is missing is named: %j", async (env, message) => {
  const made = backendFromEnv({ STORAGE_BACKEND: "s3", STORAGE_S3_BUCKET: "files", ...env });
  await expect(made).rejects.toMatchObject({
    code: "configuration",
    message: expect.stringContaining(message),
  });
});

it("names in a listing stay the text that they are", () => {
  const names = ["007", "1e5", "0x10", "true", " a ", "a&amp;b", "a&b", "<x>", "ü😀", "\u0001"];
  const spelled = [...names.slice(0, 5), "a&amp;amp;b", "a&amp;b", "&lt;x&gt;", "&#xFC;&#128512;", "&#x1;"];
  const entries = spelled.map(
    (key) =>
      `<Contents><Key>${key}</Key><LastModified>2024-01-31T23:59:59.000Z</LastModified><Size>5</Size></Contents>`,
  );
  const xml = `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>${entries.join("")}</ListBucketResult>`;
  expect(parseListAnswer(Buffer.from(xml)).entries.map(({ name }) => name)).toEqual(names);
});
