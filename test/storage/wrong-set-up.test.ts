import Fastify from "fastify";
import { addStorage, easyStorage, getStorage, receiveUpload } from "svc-infra";
import { UrlSigner } from "svc-infra/storage";
import { AzureBackend } from "svc-infra/storage/azure";
import { CloudinaryBackend } from "svc-infra/storage/cloudinary";
import { GcsBackend } from "svc-infra/storage/gcs";
import { LocalBackend } from "svc-infra/storage/local";
import { MemoryBackend } from "svc-infra/storage/memory";
import { S3Backend } from "svc-infra/storage/s3";
import { expect, it } from "vitest";

/** Calls that only JavaScript can make. */
const any = (value: unknown) => value as never;
const app = async () => {
  const made = Fastify();
  await addStorage(made, new MemoryBackend(), { authorize: "open" });
  return made;
};

const rows: readonly [string, () => unknown, RegExp][] = [
  [
    "S3Backend without options",
    () => new S3Backend(any(undefined)),
    /an object of options like \{ bucket: \.\.\. \}, not undefined/,
  ],
  ["S3Backend of no bucket", () => new S3Backend(any({ bucket: undefined })), /needs the option 'bucket'/],
  [
    "forcePathStyle",
    () => new S3Backend(any({ bucket: "files", forcePathStyle: true })),
    /write addressing: 'path'/,
  ],
  ["accessKeyId", () => new S3Backend(any({ bucket: "files", accessKeyId: "a" })), /write accessKey/],
  [
    "credentials of S3",
    () => new S3Backend(any({ bucket: "files", credentials: {} })),
    /write accessKey and secretKey/,
  ],
  ["GcsBackend of no bucket", () => new GcsBackend(any({ bucket: undefined })), /needs the option 'bucket'/],
  ["keyFilename", () => new GcsBackend(any({ bucket: "files", keyFilename: "a" })), /write credentialsPath/],
  [
    "AzureBackend of no container",
    () => new AzureBackend(any({ container: undefined })),
    /needs the option 'container'/,
  ],
  ["accountName", () => new AzureBackend(any({ container: "files", accountName: "a" })), /write account/],
  ["cloud_name", () => new CloudinaryBackend(any({ cloud_name: "a" })), /write cloudName/],
  ["maxSize", () => new MemoryBackend(any({ maxSize: 1 })), /it takes maxBytes, ttlMs/],
  ["root", () => new LocalBackend(any({ root: "/x" })), /write basePath/],
  ["a short secret", () => new UrlSigner({ baseUrl: "http://a", secrets: ["short"] }), /at least 32 bytes/],
  [
    "a short signingSecret",
    () => easyStorage({ backend: "memory", signingSecret: "short" }, {}),
    /signingSecret.*at least 32/,
  ],
  [
    "a bucket that is undefined",
    () => easyStorage({ backend: "s3", bucket: undefined }, {}),
    /STORAGE_S3_BUCKET/,
  ],
  [
    "credentials of easyStorage",
    () => easyStorage(any({ backend: "s3", credentials: {} }), {}),
    /'credentials'.*accessKey, secretKey/,
  ],
  ["a backend that is none", () => easyStorage(any({ backend: "s33" }), {}), /expected one of local, s3/],
  [
    "maxUploadBytes of -1",
    () => easyStorage({ backend: "memory", maxUploadBytes: -1 }, {}),
    /'maxUploadBytes'.*above 0/,
  ],
  [
    "addStorage by name",
    () => addStorage(Fastify(), any("s3")),
    /not "s3".*easyStorage\(\{ backend: "s3" \}\)/,
  ],
  ["options of a backend", () => addStorage(Fastify(), any({ bucket: "b" })), /'bucket'.*easyStorage/],
  ["the class of a backend", () => addStorage(Fastify(), any(MemoryBackend)), /write new MemoryBackend\(/],
  ["addStorage of a list", () => addStorage(Fastify(), any([])), /not \[\].*easyStorage/],
  [
    "addStorage of a function",
    () =>
      addStorage(
        Fastify(),
        any(() => 1),
      ),
    /not a function or class; write what it answers/,
  ],
  [
    "a backend behind the options",
    () => addStorage(Fastify(), any({ authorize: "open" }), any(new MemoryBackend())),
    /write addStorage\(app, backend, \{/,
  ],
  ["a short secret of local", () => new LocalBackend({ secrets: ["x"] }), /at least 32 bytes/],
  [
    "easyStorage by name",
    () => easyStorage(any("s3"), {}),
    /not "s3"; write easyStorage\(\{ backend: "s3" \}\)/,
  ],
  ["easyStorage of a list", () => easyStorage(any([]), {}), /takes options, not \[\]/],
  [
    "an option of every backend, misspelled",
    () => easyStorage(any({ maxUploadByte: 5 }), {}),
    /'maxUploadByte'.*maxUploadBytes/,
  ],
  [
    "an option of a backend that is not named",
    () => easyStorage(any({ bucket: "b" }), {}),
    /'bucket': is one of s3, gcs.*; write backend: "s3"/,
  ],
  ["addStorage of nothing", () => addStorage(any(undefined)), /no app of Fastify/],
  ["addStorage without the app", () => addStorage(any(new MemoryBackend())), /no app of Fastify/],
  [
    "a promise of no storage",
    () => addStorage(Fastify(), any(Promise.resolve("s3"))),
    /resolve to a storage or a backend/,
  ],
  [
    "a signer that is none",
    () => addStorage(Fastify(), new MemoryBackend(), any({ signer: {} })),
    /signer must be .* new UrlSigner\(/,
  ],
  ["receiveUpload of a key", () => receiveUpload(any({}), any("photos")), /options like \{ key: /],
  [
    "a short secret of Azure",
    () => new AzureBackend({ container: "files", account: "abc", secrets: ["short"] }),
    /at least 32 bytes/,
  ],
  ["adding twice", async () => addStorage(await app(), new MemoryBackend()), /decorator: "archive"/],
  [
    "a second one without a prefix",
    async () => addStorage(await app(), new MemoryBackend(), { decorator: "b" }),
    /serveFiles: \{ prefix/,
  ],
  ["getStorage before addStorage", () => getStorage(Fastify()), /await addStorage\(app\)/],
  [
    "put over maxUploadBytes",
    async () => (await easyStorage({ backend: "memory", maxUploadBytes: 1 }, {})).put("a", "xx"),
    /STORAGE_MAX_UPLOAD_BYTES.*maxUploadBytes/,
  ],
];

it.each([S3Backend, AzureBackend, GcsBackend, CloudinaryBackend, LocalBackend, MemoryBackend])(
  "the option publicUrl of %o is one sentence that names the layer",
  (Backend) => {
    expect(() => new Backend(any({ publicUrl: "https://cdn.example.com" }))).toThrow(
      /'publicUrl'; write storage\.with\(publicFiles\(\{ url \}\)\)/,
    );
  },
);

it("addStorage takes a promise of a backend too", async () => {
  const made = Fastify();
  const storage = await addStorage(made, Promise.resolve(new MemoryBackend()), { maxUploadBytes: 1 });
  await expect(storage.put("a", "xx")).rejects.toMatchObject({ code: "too_large" });
  await made.close();
});

it.each(rows)("%s is one sentence that says what to write instead", async (_what, call, message) => {
  const error: unknown = await (async () => call())().then(
    () => "no error",
    (reason: unknown) => reason,
  );
  expect(Object(error).code).toMatch(/configuration|too_large/);
  expect(Object(error).message).toMatch(message);
  expect(Object(error).message).not.toContain("\n");
});
