import { Readable } from "node:stream";
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { partBytes } from "./in-parts.js";
import { accessKeyId, bucket as Bucket, contentType, region, secretAccessKey } from "./s3-place.js";

const description = { Bucket, ContentType: contentType, Metadata: { owner: "u1" } };

/** @type {import("../harness/contracts.js").Adapter} */
export const adapter = {
  name: "aws-sdk",
  layout: "s3",
  open: async ({ endpoint }) => {
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";
    const credentials = { accessKeyId, secretAccessKey };
    const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
    return {
      put: (Key, Body) => client.send(new PutObjectCommand({ ...description, Key, Body })),
      get: async (Key) => {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
        return (await Body?.transformToByteArray()) ?? null;
      },
      stat: async (Key) => ({
        size: (await client.send(new HeadObjectCommand({ Bucket, Key }))).ContentLength,
      }),
      putStream: (Key, source) => {
        const Body = Readable.from(source, { objectMode: false });
        return new Upload({ client, params: { ...description, Key, Body }, partSize: partBytes }).done();
      },
      sign: (Key) => getSignedUrl(client, new GetObjectCommand({ Bucket, Key }), { expiresIn: 3600 }),
      allKeys: () => allKeys(client),
      close: async () => client.destroy(),
    };
  },
};

/** @param {S3Client} client */
async function allKeys(client) {
  /** @type {string[]} */
  const keys = [];
  /** @type {string | undefined} */
  let token;
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket, MaxKeys: 1000, ContinuationToken: token }),
    );
    for (const { Key } of page.Contents ?? []) keys.push(Key ?? "");
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return keys;
}
