import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import net from "node:net";
import type { Key, StorageBackend } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { call, kinds, makeBackend, type Service, sendRaw, startService, statusOf } from "./service.js";

const maxUploadBytes = 1000;
const rounds = Number(process.env.CUT_UPLOADS ?? 100);

const field = (name: string, value: string) =>
  `Content-Disposition: form-data; name="${name}"\r\n\r\n${value}`;
const file = (content = "x", name = "f.txt") =>
  `Content-Disposition: form-data; name="file"; filename="${name}"\r\n\r\n${content}`;
const form = (...parts: readonly string[]) =>
  `${parts.map((part) => `--b\r\n${part}\r\n`).join("")}--b--\r\n`;
const many = (count: number, part: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => part(index));

/** Malformed or abusive forms: none may store anything, hang, or be the server's fault. */
const abuse: readonly (readonly [name: string, body: string, status?: number, contentType?: string])[] = [
  ["nothing", ""],
  ["garbage", "garbage"],
  ["long garbage", "garbage".repeat(10_000)],
  ["only the last delimiter", "--b--\r\n"],
  ["only a delimiter", "--b\r\n"],
  ["only a delimiter, cut", "--b"],
  ["no last delimiter", form(file()).replace("--b--\r\n", "")],
  ["last delimiter without its dashes", form(file()).replace("--b--\r\n", "--b\r\n")],
  ["another boundary", form(file()).replaceAll("--b", "--c")],
  ["boundary in capitals", form(file()).replaceAll("--b", "--B")],
  ["no file", form(field("key", "k"))],
  ["file under another name", form(file().replace('"file"', '"upload"'))],
  ["two files", form(file("a"), file("b"))],
  ["a file under another name behind the file", form(file("a"), file("b").replace('"file"', '"more"'))],
  ["key behind the file", form(file(), field("key", "k"))],
  ["metadata behind the file", form(file(), field("meta.a", "b"))],
  ["two keys", form(field("key", "a"), field("key", "b"), file())],
  ["the same metadata twice", form(field("meta.a", "1"), field("meta.a", "2"), file())],
  ["the same metadata twice but for case", form(field("meta.a", "1"), field("meta.A", "2"), file())],
  ["empty key", form(field("key", ""), file())],
  ["long key", form(field("key", "k".repeat(1025)), file())],
  ["key longer than a field may be", form(field("key", "k".repeat(5000)), file()), 413],
  [
    "key that would be good if it were cut",
    form(field("key", `${"k".repeat(1000)}${"\0".repeat(4000)}`), file()),
    413,
  ],
  ["21 fields", form(...many(21, (n) => field(`x${n}`, "")), file())],
  ["1,000 fields", form(...many(1000, (n) => field(`x${n}`, "")), file())],
  ["1,000 fields behind the file", form(file(), ...many(1000, (n) => field(`x${n}`, "")))],
  ["long field name", form(field("n".repeat(101), ""), file())],
  ["field name of 100,000", form(field("n".repeat(100_000), ""), file()), 413],
  ["40 headers in a part", form(`${"X-A: b\r\n".repeat(40)}${file()}`), 413],
  ["10,000 headers in a part", form(`${"X-A: b\r\n".repeat(10_000)}${file()}`), 413],
  ["a header without an end", `--b\r\nX-A: ${"b".repeat(1000)}`],
  ["a header without a colon", form(`nonsense\r\n${file()}`)],
  ["no header", form("\r\nx")],
  ["no blank line behind the header", form('Content-Disposition: form-data; name="file"; filename="f"')],
  [
    "a key without a blank line behind its header",
    form('Content-Disposition: form-data; name="key"', file()),
  ],
  ["no disposition", form("Content-Type: text/plain\r\n\r\nx")],
  ["two dispositions", form(`Content-Disposition: form-data; name="key"\r\n${file()}`)],
  ["another disposition", form(file().replace("form-data", "attachment"))],
  ["no name", form('Content-Disposition: form-data; filename="f"\r\n\r\nx')],
  ["two names", form('Content-Disposition: form-data; name="key"; name="file"; filename="f"\r\n\r\nx')],
  ["unclosed quote", form('Content-Disposition: form-data; name="file; filename=f\r\n\r\nx')],
  ["broken filename*", form("Content-Disposition: form-data; name=\"file\"; filename*=UTF-8''%E8%\r\n\r\nx")],
  ["control character in the name", form(file("x", "a\tb\u0001.txt"))],
  ["long file name", form(file("x", "n".repeat(256)))],
  ["no name and no key", form('Content-Disposition: form-data; name="file"\r\n\r\nx')],
  ["broken content type", form(`Content-Type: nonsense\r\n${file()}`), 415],
  ["transfer encoding", form(`Content-Transfer-Encoding: base64\r\n${file()}`), 415],
  ["metadata __proto__", form(field("meta.__proto__", "1"), file())],
  ["metadata constructor", form(field("meta.constructor", "1"), file())],
  ["metadata without a name", form(field("meta.", "1"), file())],
  ["metadata with a line break", form(field("meta.a", "1\r\nX: y"), file())],
  ["metadata that is not UTF-8", form(field("meta.a", "\u00ff"), file())],
  ["3 KiB of metadata", form(field("meta.a", "a".repeat(3000)), file())],
  ["file over the limit", form(file("x".repeat(maxUploadBytes + 1))), 413],
  ["endless preamble", "x".repeat(400_000) + form(file()), 413],
  ["endless epilogue", form(file()) + "x".repeat(400_000), 413],
  ["no boundary", form(file()), 400, "multipart/form-data"],
  ["empty boundary", form(file()), 400, "multipart/form-data; boundary="],
  ["two boundaries", form(file()), 400, "multipart/form-data; boundary=b; boundary=c"],
  ["boundary of 71", form(file()), 400, `multipart/form-data; boundary=${"b".repeat(71)}`],
  ["boundary of a bad character", form(file()), 400, 'multipart/form-data; boundary="b<"'],
];

const forms = abuse.map(([name, body, status = 400, contentType = "multipart/form-data; boundary=b"]) => ({
  name,
  body,
  status,
  contentType,
}));

describe.each(kinds)("%s", (kind) => {
  let service: Service;
  let made: Awaited<ReturnType<typeof makeBackend>>;

  beforeAll(async () => {
    made = await makeBackend(kind);
    service = await startService({ backend: made.backend, maxUploadBytes });
  });
  afterAll(async () => {
    await service.close();
    await made.remove();
  });
  beforeEach(async () => {
    for (const key of await service.storage.listKeys()) await service.storage.delete(key);
  });

  const upload = (body: string | Uint8Array, headers = {}, path = "/_storage/upload") =>
    call(service.port, {
      method: "POST",
      path,
      headers: { "content-type": "multipart/form-data; boundary=b", ...headers },
      body: typeof body === "string" ? Buffer.from(body, "latin1") : body,
    });
  const put = (body: string | Uint8Array, headers = {}, key = "k") =>
    call(service.port, { method: "PUT", path: `/_storage/files/${key}`, headers, body });
  const keys = () => service.storage.listKeys();

  /** Files on disk that belong to no object. */
  async function leftovers(): Promise<readonly string[]> {
    if (made.basePath === undefined) return [];
    const all = await readdir(made.basePath, { recursive: true, withFileTypes: true });
    return all.filter((entry) => entry.isFile()).map(({ name }) => name);
  }

  test.each(forms)("form: $name", async ({ body, status, contentType }) => {
    const answer = await upload(body, { "content-type": contentType });
    expect(answer.status).toBe(status);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    expect(await keys()).toEqual([]);
  });

  test.each(forms.slice(0, 40))("form byte by byte: $name", async ({ body, status }) => {
    const bytes = Buffer.from(body.slice(0, 3000), "latin1");
    if (bytes.length < body.length) return;
    const text = await dribble(service.port, bytes);
    expect(statusOf(text)).toBe(status);
    expect(await keys()).toEqual([]);
  });

  test("a sound form is taken byte by byte, too, with preamble, epilogue and odd content", async () => {
    const content = "\r\n--\r\n-b\r\n--c\r\n\r-\r\r\n--";
    const body = `preamble\r\n${form(field("key", "odd"), field("csrf", "ignored"), file(content))}epilogue`;
    expect(statusOf(await dribble(service.port, Buffer.from(body)))).toBe(200);
    expect(Buffer.from(await service.storage.get("odd")).toString()).toBe(content);
  });

  test("a form may stand between the name of a file and a path", async () => {
    const answer = await upload(form(file("x", "C:\\temp\\..\\..\\etc\\passwd")));
    expect(answer.json().key).toBe("passwd");
    expect((await service.storage.getMetadata("passwd")).filename).toBe("passwd");
  });

  test("the key of the query is the one that counts: a form may repeat it, and name no other", async () => {
    const path = "/_storage/upload?key=mine";
    expect((await upload(form(file()), {}, path)).json().key).toBe("mine");
    expect((await upload(form(field("key", "mine"), file()), {}, path)).json().key).toBe("mine");
    const refused = await upload(form(field("key", "other"), file()), {}, path);
    expect([refused.status, await keys()]).toEqual([400, ["mine"]]);
  });

  test("as many bytes as allowed are taken, one more is refused, however they come", async () => {
    const [most, over] = ["x".repeat(maxUploadBytes), "x".repeat(maxUploadBytes + 1)];
    expect((await put(most)).status).toBe(200);
    expect((await put(over)).status).toBe(413);
    expect((await upload(form(file(most)))).status).toBe(200);
    expect((await upload(form(file(over)))).status).toBe(413);
    expect((await put(most, { "transfer-encoding": "chunked" })).status).toBe(200);
    expect((await put(over, { "transfer-encoding": "chunked" })).status).toBe(413);
    expect((await upload(over, { "content-type": "text/plain" }, "/_storage/upload?key=k")).status).toBe(413);
    expect((await service.storage.getMetadata("k")).size).toBe(maxUploadBytes);
  });

  test.each([1, 20 * 1024 * 1024])(
    "a form whose file is %i bytes too large is told the limit of a file",
    async (more) => {
      for (const headers of [{}, { "transfer-encoding": "chunked" }]) {
        const { status, text } = await upload(form(file("x".repeat(maxUploadBytes + more))), headers);
        expect([status, text]).toEqual([413, expect.stringContaining(`larger than ${maxUploadBytes} bytes`)]);
      }
    },
  );

  test("a declared length over the limit is refused before the body is sent, and the connection ends", async () => {
    const head = `PUT /_storage/files/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${maxUploadBytes + 1}\r\n\r\n`;
    // Nothing but the server can end this connection before the test is over.
    const text = await sendRaw(service.port, head, 60_000);
    expect(statusOf(text)).toBe(413);
    expect(text).toMatch(/connection: close/i);
  });

  test.each(["declared", "chunked"])(
    "a client that sends %s content of up to 1 MiB before it reads still sees the refusal",
    async (how) => {
      const body = Buffer.alloc(900 * 1024);
      const hex = body.length.toString(16);
      const framing =
        how === "declared"
          ? `Content-Length: ${body.length}\r\n\r\n`
          : `Transfer-Encoding: chunked\r\n\r\n${hex}\r\n`;
      const text = await new Promise<string>((resolve, reject) => {
        const socket = net.connect(service.port, "127.0.0.1");
        socket.pause();
        socket.on("error", reject);
        socket.write(`PUT /_storage/files/k HTTP/1.1\r\nHost: localhost\r\n${framing}`);
        socket.write(body, () => {
          let answer = "";
          socket.on("data", (piece) => {
            answer += piece;
          });
          socket.on("close", () => resolve(answer));
          socket.resume();
        });
      });
      expect(statusOf(text)).toBe(413);
    },
  );

  test("of refused content no more than 1 MiB is read", async () => {
    const head = "PUT /_storage/files/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n";
    const sent = await new Promise<number>((resolve) => {
      const socket = net.connect(service.port, "127.0.0.1", () => {
        socket.write(head);
        fill();
      });
      const piece = Buffer.alloc(64 * 1024);
      const fill = () => {
        while (!socket.destroyed && socket.write(piece));
      };
      socket
        .resume()
        .on("drain", fill)
        .on("error", () => undefined);
      socket.on("close", () => resolve(socket.bytesWritten));
    });
    // What the kernel buffers on both sides comes on top.
    expect(sent).toBeLessThan(32 * 1024 * 1024);
  });

  test("Expect: 100-continue is answered by the refusal, or by 100 and then the result", async () => {
    const head = (length: number) =>
      `PUT /_storage/files/k HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`;
    const refused = await sendRaw(service.port, head(maxUploadBytes + 1));
    expect(statusOf(refused)).toBe(413);
    const taken = await sendRaw(service.port, `${head(3)}abc`);
    expect(taken).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  });

  test("routes of the app beside get their 100 at once", async () => {
    const made = await startService({ serveFiles: false });
    await made.close();
    const text = await sendRaw(
      service.port,
      "POST /elsewhere HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
    );
    expect(text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 404/);
  });

  test.each([
    [{ "content-encoding": "gzip" }, 415],
    [{ "content-range": "bytes 0-0/2" }, 400],
    [{ "content-type": "nonsense" }, 415],
    [{ "content-type": "text/plain, text/html" }, 415],
    [{ "content-type": ["text/plain", "text/html"] }, 400],
    [{ "content-type": "multipart/form-data; boundary=b" }, 415],
    [{ "x-meta-a": "a".repeat(3000) }, 400],
    [{ "x-meta-__proto__": "a" }, 400],
    [{ "x-meta-a b": undefined }, 200],
    [{ "repr-digest": "sha-256=:AAAA:" }, 400],
    [{ "content-digest": `sha-256=:${"A".repeat(43)}=:` }, 400],
    [{ "content-digest": "md5=:AAAA:" }, 200],
    [{ "content-md5": createHash("md5").update("body").digest("base64") }, 200],
    [{ "content-md5": createHash("md5").update("other").digest("base64") }, 400],
    [{ "content-md5": "AAAA" }, 400],
    [{ "repr-digest": `sha-512=:${createHash("sha512").update("body").digest("base64")}:` }, 200],
    [{ "repr-digest": `sha-512=:${createHash("sha512").update("other").digest("base64")}:` }, 400],
    [{ "if-none-match": '"x"' }, 400],
  ])("a bare body with %j: %i", async (headers, status) => {
    const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
    const answer = await put("body", given);
    expect(answer.status).toBe(status);
    expect(await keys()).toEqual(status === 200 ? ["k"] : []);
  });

  test.each([
    ["content-md5", "md5", (digest: string) => digest],
    ["content-digest", "sha256", (digest: string) => `sha-256=:${digest}:`],
    ["repr-digest", "sha512", (digest: string) => `sha-512=:${digest}:`],
  ])(
    "%s of a form is of all of it, and verified before its file is there",
    async (name, algorithm, field) => {
      const whole = form(file());
      const digestOf = (content: string | Buffer) =>
        field(createHash(algorithm).update(content).digest("base64"));
      const wrong = await upload(whole, { [name]: digestOf("x") });
      expect([wrong.status, wrong.json().code]).toEqual([400, "checksum_mismatch"]);
      expect(await keys()).toEqual([]);
      expect((await upload(whole, { [name]: digestOf(whole) })).status).toBe(200);
    },
  );

  test.each(["gzip, chunked", "identity, chunked", "Gzip, Chunked"])(
    "the transfer coding %s is refused before the content is read",
    async (coding) => {
      const head = `PUT /_storage/files/k HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: ${coding}\r\n\r\n`;
      expect(statusOf(await sendRaw(service.port, head))).toBe(400);
      expect(await keys()).toEqual([]);
    },
  );

  test("the transfer coding chunked has no upper and lower case", async () => {
    const head =
      "PUT /_storage/files/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: Chunked\r\n\r\n";
    expect(statusOf(await sendRaw(service.port, `${head}1\r\nx\r\n0\r\n\r\n`))).toBe(200);
  });

  test("a digest that is right is accepted", async () => {
    const digest = `sha-256=:${createHash("sha256").update("body").digest("base64")}:`;
    expect(
      (await put("body", { "repr-digest": digest, "content-digest": `md5=:AA==:, ${digest}` })).status,
    ).toBe(200);
  });

  test("If-None-Match: * creates only; one of many wins", async () => {
    const answers = await Promise.all(many(20, String).map((body) => put(body, { "if-none-match": "*" })));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array(19).fill(412)]);
    const again = await upload(form(field("key", "k"), file()), { "if-none-match": "*" });
    expect(again.status).toBe(412);
  });

  test("If-Match replaces only that version", async () => {
    const { etag } = (await put("one")).json();
    expect((await put("two", { "if-match": '"other"' })).status).toBe(412);
    expect((await put("two", { "if-match": `W/"${etag}"` })).status).toBe(412);
    expect((await put("two", { "if-match": `"${etag}"` })).status).toBe(200);
    expect((await put("three", { "if-match": `"${etag}"` })).status).toBe(412);
    expect((await put("three", { "if-match": `"x", "${etag}"` })).status).toBe(412);
    expect((await put("three", { "if-match": "*" })).status).toBe(200);
    expect((await put("new", { "if-match": "*" }, "absent")).status).toBe(412);
    expect((await put("four", { "if-unmodified-since": "Sun, 06 Nov 1994 08:49:37 GMT" })).status).toBe(412);
    const remove = (headers: Record<string, string>) =>
      call(service.port, { method: "DELETE", path: "/_storage/files/k", headers });
    expect((await remove({ "if-match": '"other"' })).status).toBe(412);
    expect(Buffer.from(await service.storage.get("k")).toString()).toBe("three");
    expect((await remove({ "if-match": "*" })).status).toBe(204);
  });

  const whole = `--b\r\n${file("whole")}\r\n--b--\r\n`;
  test.each([
    ["Content-Length is not met", `Content-Length: ${whole.length + 1}\r\n\r\n${whole}`],
    [
      "last chunk is missing",
      `Transfer-Encoding: chunked\r\n\r\n${whole.length.toString(16)}\r\n${whole}\r\n`,
    ],
  ])("a form that is whole stores nothing while its request's %s", async (_, rest) => {
    const before = await leftovers();
    const head =
      "POST /_storage/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n";
    expect(await sendRaw(service.port, `${head}${rest}`, 300)).toBe("");
    await expect.poll(() => connections(service), { timeout: 10_000 }).toBe(0);
    expect(await keys()).toEqual([]);
    await expect.poll(leftovers, { timeout: 10_000 }).toEqual(before);
  });

  test("a form may be followed by more than fits into a buffer", async () => {
    const epilogue = "x".repeat(200_000);
    expect((await upload(form(file("x".repeat(maxUploadBytes))) + epilogue)).status).toBe(200);
  });

  test(`${rounds} uploads that are cut half-way leave nothing, and the old object whole`, async () => {
    await service.storage.put("old", "old");
    const before = await leftovers();
    const heads = [
      "PUT /_storage/files/old HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n",
      "PUT /_storage/files/new HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n384\r\n",
      "POST /_storage/upload?key=new HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n",
      `POST /_storage/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 900\r\n\r\n--b\r\n${file("")}`,
    ];
    await Promise.all(
      many(rounds, String).map((_, index) =>
        cut(service.port, `${heads[index % 4]}${"x".repeat(450)}`, index % 3),
      ),
    );
    await expect.poll(() => connections(service), { timeout: 10_000 }).toBe(0);
    await expect.poll(leftovers, { timeout: 10_000 }).toEqual(before);
    expect(await keys()).toEqual(["old"]);
    expect(Buffer.from(await service.storage.get("old")).toString()).toBe("old");
  });
});

function connections({ app }: Service): Promise<number> {
  return new Promise((resolve, reject) =>
    app.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );
}

/** Sends the start of a request and leaves: by a reset, by an end, or after a while. */
function cut(port: number, start: string, how: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      socket.write(start, () => {
        if (how === 0) socket.resetAndDestroy();
        else if (how === 1) socket.end();
        else setTimeout(() => socket.destroy(), 20);
      });
    });
    socket.resume();
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
  });
}

/** Uploads a form in pieces of one byte. */
function dribble(port: number, body: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = net.connect(port, "127.0.0.1", async () => {
      socket.setNoDelay(true);
      socket.write(
        `POST /_storage/upload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${body.length}\r\n\r\n`,
      );
      for (const byte of body) {
        if (socket.destroyed) return;
        socket.write(Buffer.of(byte));
        await new Promise((next) => setImmediate(next));
      }
    });
    socket.on("data", (piece) => {
      text += piece;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
  });
}

test("a deletion by a backend that cannot tell goes by what was there before", async () => {
  const inner = new MemoryBackend();
  const service = await startService({
    wrap: () =>
      new Proxy<StorageBackend>(inner, {
        get(target, name) {
          if (name === "capabilities") return { ...target.capabilities, exactDelete: false };
          const value = Reflect.get(target, name, target);
          if (name === "remove")
            return (key: Key) =>
              target.remove(key, { ifMatch: undefined, signal: undefined }).then(() => false);
          return typeof value === "function" ? value.bind(target) : value;
        },
      }),
  });
  await service.storage.put("a", "1");
  const remove = () => call(service.port, { method: "DELETE", path: "/_storage/files/a" });
  expect([(await remove()).status, (await remove()).status]).toEqual([204, 404]);
  await service.close();
});
