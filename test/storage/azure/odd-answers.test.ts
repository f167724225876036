import { createServer } from "node:http";
import { Storage } from "svc-infra/storage";
import { AzureBackend } from "svc-infra/storage/azure";
import { describe, expect, it, onTestFinished } from "vitest";

const account = "account";
const accountKey = Buffer.from("a key of this test").toString("base64");

interface OddAnswer {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A service that answers 200 to everything, with what is given. */
async function answering(answer: (url: string) => OddAnswer) {
  const urls: string[] = [];
  const server = createServer((request, response) => {
    const { url = "" } = request;
    urls.push(url);
    request.resume();
    const { headers = {}, body = "" } = answer(url);
    response.writeHead(200, { "x-ms-request-id": "e2b0", ...headers });
    response.end(request.method === "HEAD" ? "" : body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const endpoint = `http://127.0.0.1:${port}/${account}`;
  const storage = new Storage(new AzureBackend({ container: "svc-infra", account, accountKey, endpoint }));
  onTestFinished(async () => {
    await storage.close();
    server.closeAllConnections();
    server.close();
  });
  return { storage, urls };
}

const described = { etag: '"0x1"', "last-modified": new Date(0).toUTCString(), "content-type": "text/plain" };

describe("an answer without a size is a failure, and no empty object", () => {
  it.each([
    ["getMetadata", (storage: Storage) => storage.getMetadata("a")],
    ["get", (storage: Storage) => storage.get("a")],
    ["copy", (storage: Storage) => storage.copy("a", "b")],
  ])("%s", async (_name, call) => {
    // Chunked, as a proxy makes it.
    const { storage } = await answering(() => ({
      headers: { ...described, "transfer-encoding": "chunked" },
    }));
    await expect(call(storage)).rejects.toMatchObject({ code: "unavailable" });
  });

  it("list", async () => {
    const { storage } = await answering(() => ({
      ...listing(["a"], ""),
      body: listing(["a"], "").body.replace(/<Content-Length>.*?<\/Content-Length>/, ""),
    }));
    await expect(storage.list()).rejects.toMatchObject({ code: "unavailable" });
  });
});

it.each([
  ["put", (storage: Storage) => storage.put("a", "content")],
  ["list", (storage: Storage) => storage.list()],
])("an answer of 200 that is not one of Azure is no certain failure: %s", async (_name, call) => {
  const { storage } = await answering(() => ({
    headers: { "content-type": "application/xml" },
    body: "<html>sign in",
  }));
  const error = await call(storage).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("STORAGE_AZURE_ENDPOINT"),
  });
  expect(storage.backend.classify(Object(error).cause).applied).toBeUndefined();
});

it("content that is longer than it was said to be is a failure, and is not read to its end", async () => {
  const headers = { ...described, "content-range": "bytes 0-4/5", "content-length": "14" };
  const { storage } = await answering(() => ({ headers, body: "hello and more" }));
  await expect(storage.get("a")).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("longer than what was asked for"),
  });
});

describe("a listing that does not go on is an error after a few looks", () => {
  let count = 0;
  const answers: Readonly<Record<string, () => OddAnswer>> = {
    "the same marker again, and nothing": () => listing([], "same"),
    "the same marker again": () => listing(["k1", "k2"], "same"),
    "a page that is repeated under fresh markers": () => listing(["k1", "k2"], `m${count++}`),
    "names that are no keys, repeated": () => listing(["a b"], `m${count++}`),
  };
  for (const [what, answer] of Object.entries(answers)) {
    it(what, async () => {
      const { storage, urls } = await answering(answer);
      await expect(all(storage.listAllKeys())).rejects.toMatchObject({ code: "unavailable" });
      expect(urls.length).toBeLessThan(6);
    });
  }

  it("by cursors: the same marker again", async () => {
    const { storage } = await answering(() => listing(["k1", "k2"], "same"));
    const { cursor } = await storage.list({ limit: 2 });
    await expect(storage.list({ limit: 2, cursor })).rejects.toMatchObject({ code: "unavailable" });
  });
});

/** The answer of List Blobs (https://learn.microsoft.com/rest/api/storageservices/list-blobs). */
function listing(names: readonly string[], marker: string): OddAnswer & { readonly body: string } {
  const date = new Date(0).toUTCString();
  const blobs = names.map(
    (name) =>
      `<Blob><Name>${name}</Name><Properties><Last-Modified>${date}</Last-Modified><Etag>0x1</Etag><Content-Length>1</Content-Length></Properties></Blob>`,
  );
  const body = `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="http://a/" ContainerName="svc-infra"><Blobs>${blobs.join("")}</Blobs><NextMarker>${marker}</NextMarker></EnumerationResults>`;
  return { headers: { "content-type": "application/xml" }, body };
}

async function all<T>(values: AsyncIterable<T>): Promise<readonly T[]> {
  const listed: T[] = [];
  for await (const value of values) {
    listed.push(value);
    if (listed.length > 100) throw new Error("the listing does not end");
  }
  return listed;
}
