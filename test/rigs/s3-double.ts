import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { S3BackendOptions } from "svc-infra/storage/s3";
import { onTestFinished } from "vitest";

/** A request as it arrived, with its body. */
export interface S3DoubleRequest {
  readonly method: string;
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
  /** What the request asks for. */
  readonly operation: S3Operation;
  /** Sends an answer of one's own. */
  answer(status: number, headers: OutgoingHttpHeaders, body?: string | Uint8Array): true;
  /** Sends status 200 at once, white space while the service works, and then the body, as AWS does. */
  answerLate(ms: number, body: string): true;
}

export type S3Operation =
  | "begin"
  | "part"
  | "complete"
  | "abort"
  | "listParts"
  | "listUploads"
  | "copyPart"
  | "removeMany"
  | "list"
  | "copy"
  | "put"
  | "head"
  | "get"
  | "remove";

/** Answers a request instead of the double, when it returns true. */
export type S3Quirk = (request: S3DoubleRequest, object: StoredObject | undefined) => boolean;

interface StoredObject {
  readonly body: Buffer;
  readonly headers: OutgoingHttpHeaders;
}

export interface S3Double {
  readonly objects: Map<string, StoredObject>;
  readonly requests: S3DoubleRequest[];
  readonly options: S3BackendOptions;
}

/** A service that keeps objects in memory, looks at no signature, and answers some requests wrongly. Ends with the test. */
export async function startS3Double(quirk: S3Quirk = () => false): Promise<S3Double> {
  const double = new Double(quirk);
  const server = createServer((request, response) => void double.handle(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}`;
  const keys = { accessKey: "key", secretKey: "secret" };
  const options = { bucket: "bucket", endpoint, provider: "aws", addressing: "path", ...keys } as const;
  return { objects: double.objects, requests: double.requests, options };
}

class Double {
  readonly objects = new Map<string, StoredObject>();
  readonly requests: S3DoubleRequest[] = [];
  readonly #uploads = new Map<
    string,
    { readonly headers: OutgoingHttpHeaders; readonly algorithm: string; parts: Map<number, Buffer> }
  >();
  readonly #quirk: S3Quirk;

  constructor(quirk: S3Quirk) {
    this.#quirk = quirk;
  }

  async handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await arrived(incoming, response).catch(() => undefined);
    if (request === undefined) return;
    this.requests.push(request);
    if (!this.#quirk(request, this.objects.get(request.key))) this.#answers[request.operation](request);
  }

  readonly #answers: Readonly<Record<S3Operation, (request: S3DoubleRequest) => unknown>> = {
    begin: (request) => {
      const id = `upload-${this.#uploads.size}`;
      const algorithm = String(request.headers["x-amz-checksum-algorithm"] ?? "null").toLowerCase();
      this.#uploads.set(id, { headers: keptOf(request), algorithm, parts: new Map() });
      request.answer(200, {}, documentOf("InitiateMultipartUploadResult", `<UploadId>${id}</UploadId>`));
    },
    part: (request) => {
      const { query, body, answer } = request;
      const { parts, algorithm = "null" } = this.#uploads.get(query.get("uploadId") ?? "") ?? {};
      const refusal = refusedPart(request, algorithm);
      if (refusal !== undefined) return answer(400, {}, refusal);
      parts?.set(Number(query.get("partNumber")), body);
      return answer(200, { etag: tagOf(body) });
    },
    complete: ({ key, query, answer }) => {
      const { parts, headers } = this.#uploads.get(query.get("uploadId") ?? "") ?? {};
      const numbers = [...(parts?.keys() ?? [])].sort((a, b) => a - b);
      const body = Buffer.concat(numbers.map((number) => parts?.get(number) ?? Buffer.alloc(0)));
      this.objects.set(key, { body, headers: headers ?? {} });
      answer(200, {}, documentOf("CompleteMultipartUploadResult", `<ETag>${tagOf(body)}</ETag>`));
    },
    abort: ({ answer }) => answer(204, {}),
    listParts: ({ answer }) => answer(200, {}, documentOf("ListPartsResult", "")),
    listUploads: ({ answer }) => answer(200, {}, documentOf("ListMultipartUploadsResult", "")),
    copyPart: ({ query, headers, answer }) => {
      const [, first, last] = /=(\d+)-(\d+)$/.exec(String(headers["x-amz-copy-source-range"])) ?? [];
      const piece = this.#sourceOf(headers).subarray(Number(first), Number(last) + 1);
      this.#uploads.get(query.get("uploadId") ?? "")?.parts.set(Number(query.get("partNumber")), piece);
      answer(200, {}, documentOf("CopyPartResult", `<ETag>${tagOf(piece)}</ETag>`));
    },
    removeMany: ({ body, answer }) => {
      for (const [, name = ""] of body.toString().matchAll(/<Key>(.*?)<\/Key>/g)) this.objects.delete(name);
      answer(200, {}, documentOf("DeleteResult", ""));
    },
    list: ({ query, answer }) => {
      const [prefix, after] = [query.get("prefix") ?? "", query.get("start-after") ?? ""];
      const names = [...this.objects.keys()].filter((name) => name.startsWith(prefix) && name > after);
      answer(200, {}, listOf(names.sort().map((name) => [name, this.objects.get(name)?.body.length ?? 0])));
    },
    copy: (request) => {
      const body = this.#sourceOf(request.headers);
      this.objects.set(request.key, { body, headers: keptOf(request) });
      request.answer(200, {}, documentOf("CopyObjectResult", `<ETag>${tagOf(body)}</ETag>`));
    },
    put: (request) => {
      this.objects.set(request.key, { body: request.body, headers: keptOf(request) });
      request.answer(200, { etag: tagOf(request.body) });
    },
    head: (request) => this.#give(request),
    get: (request) => this.#give(request),
    remove: ({ key, answer }) => {
      this.objects.delete(key);
      answer(204, {});
    },
  };

  #sourceOf(headers: S3DoubleRequest["headers"]): Buffer {
    const from = decodeURIComponent(String(headers["x-amz-copy-source"]));
    return this.objects.get(from.split("/").slice(2).join("/"))?.body ?? Buffer.alloc(0);
  }

  #give({ key, method, answer }: S3DoubleRequest): void {
    const object = this.objects.get(key);
    if (object === undefined)
      answer(404, {}, method === "HEAD" ? "" : "<Error><Code>NoSuchKey</Code></Error>");
    else answer(200, { ...headersOf(object), "content-length": object.body.length }, object.body);
  }
}

/** AWS takes a checksum of a part only when the upload was begun with its algorithm; MD5 needs no such word. */
function refusedPart({ headers, body }: S3DoubleRequest, expected: string): string | undefined {
  const actual = /x-amz-checksum-(\w+)/.exec(Object.keys(headers).join())?.[1] ?? "null";
  const mismatch = `Checksum Type mismatch occurred, expected checksum Type: ${expected}, actual checksum Type: ${actual}`;
  if (actual !== expected) return `<Error><Code>InvalidRequest</Code><Message>${mismatch}</Message></Error>`;
  const md5 = headers["content-md5"];
  if (md5 === undefined || md5 === createHash("md5").update(body).digest("base64")) return undefined;
  return "<Error><Code>BadDigest</Code></Error>";
}

/** The headers of an object, but for its length. */
export function headersOf({ body, headers }: StoredObject): OutgoingHttpHeaders {
  return { ...headers, etag: tagOf(body), "last-modified": new Date().toUTCString() };
}

/** A whole listing; `tail` stands behind its entries. */
export function listOf(entries: readonly (readonly [name: string, size: number])[], tail = ""): string {
  const time = "<LastModified>2024-01-01T00:00:00.000Z</LastModified>";
  const contents = entries.map(
    ([name, size]) => `<Contents><Key>${name}</Key><Size>${size}</Size>${time}</Contents>`,
  );
  return documentOf("ListBucketResult", contents.join("") + (tail || "<IsTruncated>false</IsTruncated>"));
}

/** A document of the service. */
export function documentOf(root: string, content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`;
}

async function arrived(incoming: IncomingMessage, response: ServerResponse): Promise<S3DoubleRequest> {
  const { method = "GET", headers } = incoming;
  const { pathname, searchParams: query } = new URL(incoming.url ?? "/", "http://double");
  const key = decodeURIComponent(pathname.split("/").slice(2).join("/"));
  const body = await buffer(incoming);
  const answer = (status: number, sent: OutgoingHttpHeaders, text: string | Uint8Array = ""): true => {
    response.writeHead(status, sent);
    response.end(method === "HEAD" ? "" : text);
    return true;
  };
  const answerLate = (ms: number, text: string): true => {
    response.writeHead(200, { "content-type": "application/xml" });
    const timer = setInterval(() => response.write(" "), 50);
    setTimeout(() => {
      clearInterval(timer);
      response.end(text);
    }, ms);
    return true;
  };
  const operation = operationOf(method, key, query, headers);
  return { method, key, query, headers, body, operation, answer, answerLate };
}

function operationOf(
  method: string,
  key: string,
  query: URLSearchParams,
  headers: IncomingMessage["headers"],
): S3Operation {
  const isCopy = headers["x-amz-copy-source"] !== undefined;
  if (query.has("uploadId")) return isCopy ? "copyPart" : (ofUpload[method] ?? "listParts");
  if (query.has("uploads")) return method === "POST" ? "begin" : "listUploads";
  if (method === "GET") return key === "" ? "list" : "get";
  return isCopy ? "copy" : (ofObject[method] ?? "remove");
}

const ofObject: Readonly<Record<string, S3Operation>> = { POST: "removeMany", PUT: "put", HEAD: "head" };
const ofUpload: Readonly<Record<string, S3Operation>> = { POST: "complete", PUT: "part", DELETE: "abort" };

function keptOf({ headers }: S3DoubleRequest): OutgoingHttpHeaders {
  const kept = /^(?:x-amz-meta-|content-(?:type|disposition|encoding|language)|cache-control)/;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => kept.test(name)));
}

function tagOf(body: Buffer): string {
  return `"${createHash("md5").update(body).digest("hex")}"`;
}
