import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { signingTime } from "#dist/storage/backends/s3/wire/signing-time.js";
import {
  type Headers,
  RequestSigner,
  type SignableRequest,
  unsignedPayload,
} from "#dist/storage/backends/s3/wire/sigv4.js";
import { encodePath, encodeQuery } from "#dist/storage/contract/percent-encoding.js";

/** The hash that the official signer is given. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", toBuffer(secret));
  }

  update(data: Uint8Array | string): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {}
}

function toBuffer(secret: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof secret === "string") return Buffer.from(secret);
  if (secret instanceof ArrayBuffer) return Buffer.from(secret);
  return Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength);
}

const wellFormed = (text: string) => text.isWellFormed();
const awkward = fc.constantFrom(
  ..." !\"#$%&'()*+,/:;<=>?@[\\]^`{|}~äé\u0301世😀",
  "\u00a0",
  "%2F",
  "//",
  "./",
  "\t",
  "\u0001",
);
const character = fc.oneof(
  awkward,
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
  fc.constantFrom(..."ABZabz019._-/"),
);
const text = (maxLength: number) => fc.string({ unit: character, maxLength }).filter(wellFormed);
const key = text(40);
const queryName = text(12).filter((name) => name !== "" && name !== "__proto__" && !/^x-amz-/i.test(name));
const query = fc.dictionary(queryName, text(20), { maxKeys: 5, noNullPrototype: true });
const headerName = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."abcxyz019-_"), minLength: 1, maxLength: 12 }),
  fc.string({ unit: fc.constantFrom(..."abz0-"), maxLength: 8 }).map((name) => `x-amz-meta-${name}`),
  fc.constantFrom(
    ...["content-type", "content-md5", "content-length", "if-match", "if-none-match", "range", "x-amz-acl"],
    ...["cache-control", "user-agent", "expect", "proxy-thing", "sec-thing", "x-amzn-trace-id", "te"],
  ),
);
const headerValue = fc.string({
  unit: fc.oneof(
    fc.constantFrom(" ", "  ", "\t", '"', "=", "é"),
    fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 1 }),
  ),
  maxLength: 24,
});
const headers = fc.dictionary(headerName, headerValue, { maxKeys: 8, noNullPrototype: true });
const secretText = fc.string({ unit: fc.constantFrom(..."abcXYZ019/+="), minLength: 1, maxLength: 44 });
const credentials = fc.record({
  accessKeyId: fc.oneof(secretText, fc.constant("test:tester")),
  secretAccessKey: secretText,
  sessionToken: fc.option(secretText, { nil: undefined }),
});
const payloadHash = fc.oneof(
  fc.constant(unsignedPayload),
  fc.constantFrom("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 64, maxLength: 64 }),
);
const request = fc.record({
  method: fc.constantFrom("GET", "HEAD", "PUT", "POST", "DELETE"),
  host: fc.constantFrom("bucket.s3.eu-west-1.amazonaws.com", "127.0.0.1:7480", "s3.example.com"),
  key,
  query,
  headers,
  credentials,
  region: fc.constantFrom("us-east-1", "eu-central-2", "auto"),
  time: fc.integer({ min: 0, max: 4_000_000_000 }).map((second) => second * 1000),
});

type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

const ours = new RequestSigner();

function official({ credentials: { sessionToken, ...keys }, region }: Request): SignatureV4 {
  return new SignatureV4({
    service: "s3",
    region,
    credentials: sessionToken === undefined ? keys : { ...keys, sessionToken },
    sha256: Sha256,
    uriEscapePath: false,
  });
}

function officialRequest(each: Request, extra: Headers) {
  return {
    method: each.method,
    protocol: "https:",
    hostname: "unused",
    path: `/${encodePath(each.key)}`,
    query: { ...each.query },
    headers: { ...each.headers, host: each.host, ...extra },
  };
}

function ourRequest(each: Request, extraQuery: Readonly<Record<string, string>> = {}): SignableRequest {
  return {
    method: each.method,
    path: `/${encodePath(each.key)}`,
    query: encodeQuery(Object.entries({ ...each.query, ...extraQuery })),
    headers: { ...each.headers, host: each.host },
  };
}

function signatureOf(each: Request) {
  return { credentials: each.credentials, region: each.region, time: signingTime(each.time) };
}

const runs = { numRuns: 5000 };

describe("5,000 random requests each have the signature that the official signer gives", () => {
  it("in their headers, with any payload", async () => {
    await fc.assert(
      fc.asyncProperty(request, payloadHash, async (each, payload) => {
        const extra = { "x-amz-content-sha256": payload };
        const signingDate = new Date(each.time);
        const theirs = await official(each).sign(officialRequest(each, extra), { signingDate });
        const signed = ourRequest(each);
        ours.addHeaders(signed, payload, signatureOf(each));
        expect(signed.headers).toMatchObject({
          authorization: theirs.headers.authorization,
          "x-amz-date": theirs.headers["x-amz-date"],
        });
      }),
      runs,
    );
  });

  it("in their query, presigned", async () => {
    await fc.assert(
      fc.asyncProperty(request, fc.integer({ min: 1, max: 604_800 }), async (each, expiresIn) => {
        const plain = { ...each, headers: withoutAmz(each.headers) };
        const extra = { "x-amz-content-sha256": unsignedPayload };
        const options = { signingDate: new Date(each.time), expiresIn };
        const theirs = await official(plain).presign(officialRequest(plain, extra), options);
        const signed = ours.signQuery(ourRequest(plain, extra), expiresIn, signatureOf(plain));
        const parameters = new URLSearchParams(signed);
        expect(parameters.get("X-Amz-Signature")).toBe(theirs.query?.["X-Amz-Signature"]);
        expect(Object.fromEntries(parameters)).toEqual(theirs.query);
      }),
      runs,
    );
  });
});

/** The official signer moves these into the query. */
function withoutAmz(given: Headers): Headers {
  return Object.fromEntries(Object.entries(given).filter(([name]) => !name.startsWith("x-amz-")));
}
