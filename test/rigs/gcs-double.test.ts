import { createHash, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import { type GetSignedUrlConfig, Storage as Sdk } from "@google-cloud/storage";
import { afterAll, describe, expect, it } from "vitest";
import { askToken, GcsClient, putChunk } from "./gcs-client.js";
import { startGcsDouble } from "./gcs-double.js";

const rig = await startGcsDouble();
const client = await GcsClient.open(rig);
const unit = 262_144;

afterAll(() => rig.stop());

async function refusalOf(answer: Promise<Response>): Promise<[status: number, reason: string]> {
  const response = await answer;
  const { error } = (await response.json()) as { error: { errors: readonly { reason: string }[] } };
  return [response.status, error.errors[0]?.reason ?? ""];
}

describe("the token endpoint", () => {
  it("gives a token for an assertion that the account's key has signed", async () => {
    const response = await askToken(rig);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ token_type: "Bearer", expires_in: 3599 });
  });

  const now = Math.floor(Date.now() / 1000);
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const foreign = String(privateKey.export({ type: "pkcs8", format: "pem" }));
  it.each([
    ["another key", { pem: foreign }, /signature/i],
    ["an account that nobody knows", { claims: { iss: "nobody@example.com" } }, /signature/i],
    ["another audience", { claims: { aud: "https://example.com/token" } }, /audience/i],
    ["a time that is over", { claims: { iat: now - 7200, exp: now - 3600 } }, /timeframe/i],
    ["a time to come", { claims: { iat: now + 3600, exp: now + 7200 } }, /timeframe/i],
    ["more than an hour", { claims: { exp: now + 3700 } }, /short-lived/i],
    ["a scope of something else", { claims: { scope: "https://www.googleapis.com/auth/drive" } }, /scope/i],
  ])("refuses %s", async (_, given, description) => {
    const response = await askToken(rig, given);
    const { error_description: told } = (await response.json()) as { error_description: string };
    expect(response.status).toBe(400);
    expect(told).toMatch(description);
  });
});

describe("a call of the JSON API", () => {
  it("is refused without a token, with an unknown one, and for an account without rights", async () => {
    const path = `${rig.endpoint}/storage/v1/b/${rig.bucket}/o`;
    expect(await refusalOf(fetch(path))).toEqual([401, "required"]);
    const forged = { authorization: "Bearer ya29.forged" };
    expect(await refusalOf(fetch(path, { headers: forged }))).toEqual([401, "authError"]);
    const stranger = await GcsClient.open(rig, rig.stranger);
    expect(await refusalOf(stranger.list())).toEqual([403, "forbidden"]);
  });

  it("names another bucket or object as not there", async () => {
    expect(await refusalOf(client.call("/storage/v1/b/other/o"))).toEqual([404, "notFound"]);
    expect(await refusalOf(client.object("missing"))).toEqual([404, "notFound"]);
    const media = await client.object("missing", "?alt=media");
    expect([media.status, await media.text()]).toEqual([404, `No such object: ${rig.bucket}/missing`]);
  });

  it("is refused for fields that there are not, and for names that may not be", async () => {
    expect(await refusalOf(client.list("?fields=items(colour)"))).toEqual([400, "invalid"]);
    expect(await refusalOf(client.put("a\nb", "x"))).toEqual([400, "invalid"]);
    expect(await refusalOf(client.put("x".repeat(1025), "x"))).toEqual([400, "invalid"]);
  });
});

describe("preconditions", () => {
  it("are decided with the publication: of many who create one object exactly one does", async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        client.put("raced", `writer ${index}`, "&ifGenerationMatch=0"),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(49);
  });

  it("hold of generations, and every write makes another one", async () => {
    const { generation } = (await (await client.put("versions", "1")).json()) as { generation: string };
    expect((await client.put("versions", "2", `&ifGenerationMatch=${generation}`)).status).toBe(200);
    expect((await client.put("versions", "3", `&ifGenerationMatch=${generation}`)).status).toBe(412);
    expect((await client.object("versions", `?generation=${generation}`)).status).toBe(404);
    expect((await client.object("versions", `?ifGenerationMatch=${generation}`)).status).toBe(412);
    expect(await refusalOf(client.put("versions", "4", "&ifGenerationMatch=x"))).toEqual([400, "invalid"]);
  });

  it("of a deletion and of a patch", async () => {
    await client.put("patched", "1");
    const patch = (body: object, query = "") =>
      client.object("patched", query, { method: "PATCH", body: JSON.stringify(body) });
    expect((await patch({ metadata: { a: "1" } }, "?ifMetagenerationMatch=2")).status).toBe(412);
    expect(await (await patch({ metadata: { a: "請" } })).json()).toMatchObject({
      metageneration: "2",
      metadata: { a: "請" },
    });
    expect((await client.object("patched", "?ifGenerationMatch=1", { method: "DELETE" })).status).toBe(412);
    expect((await client.object("patched", "", { method: "DELETE" })).status).toBe(204);
    expect((await client.object("patched", "", { method: "DELETE" })).status).toBe(404);
  });
});

describe("content", () => {
  it("comes whole and in ranges, with its generation and hashes", async () => {
    await client.put("ranged", "0123456789");
    const get = (range: string) => client.object("ranged", "?alt=media", { headers: { range } });
    const middle = await get("bytes=2-4");
    expect([middle.status, await middle.text(), middle.headers.get("content-range")]).toEqual([
      206,
      "234",
      "bytes 2-4/10",
    ]);
    expect(await (await get("bytes=-3")).text()).toBe("789");
    expect(await (await get("bytes=8-99")).text()).toBe("89");
    expect((await get("bytes=10-")).status).toBe(416);
    expect((await get("bytes=-0")).status).toBe(416);
    const whole = await client.object("ranged", "?alt=media");
    // CRC-32C of these ten digits, by RFC 3720.
    expect(whole.headers.get("x-goog-hash")).toContain("crc32c=KAwGng==");
    expect(whole.headers.get("x-goog-generation")).toMatch(/^[0-9]{16}$/);
  });

  it("with another hash than it was said to have is refused", async () => {
    const hash = createHash("md5").update("other").digest("base64");
    expect(await refusalOf(client.put("damaged", "content", "", { "x-goog-hash": `md5=${hash}` }))).toEqual([
      400,
      "invalid",
    ]);
    expect((await client.object("damaged")).status).toBe(404);
    const right = await client.put("sound", "0123456789", "", { "x-goog-hash": "crc32c=KAwGng==" });
    expect(right.status).toBe(200);
  });

  it("with a description of more than 8 KiB is refused", async () => {
    const session = client.openSession("large-description", "", { metadata: { a: "x".repeat(8192) } });
    await expect(session).rejects.toThrow(/^400/);
  });
});

describe("a resumable session", () => {
  it("keeps chunks, tells what it has, and publishes with the last byte", async () => {
    const session = await client.openSession("resumed");
    const first = await putChunk(session, `bytes 0-${unit - 1}/*`, Buffer.alloc(unit, 1));
    expect([first.status, first.headers.get("range")]).toEqual([308, `bytes=0-${unit - 1}`]);
    const status = await putChunk(session, "bytes */*");
    expect([status.status, status.headers.get("range")]).toEqual([308, `bytes=0-${unit - 1}`]);
    expect((await client.object("resumed")).status).toBe(404);
    const last = await putChunk(session, `bytes ${unit}-${unit + 9}/${unit + 10}`, Buffer.alloc(10, 2));
    expect(await last.json()).toMatchObject({ size: String(unit + 10) });
    expect((await putChunk(session, `bytes */${unit + 10}`)).status).toBe(200);
  });

  it("refuses a chunk that is too small, or that begins in another place", async () => {
    const session = await client.openSession("misfit");
    expect((await putChunk(session, "bytes 0-9/*", Buffer.alloc(10))).status).toBe(400);
    expect((await putChunk(session, `bytes ${unit}-${2 * unit - 1}/*`, Buffer.alloc(unit))).status).toBe(400);
    expect((await putChunk(session, "bytes 0-9/5", Buffer.alloc(10))).status).toBe(400);
    expect((await putChunk(session, "nonsense", Buffer.alloc(10))).status).toBe(400);
  });

  it("keeps only whole units of 256 KiB", async () => {
    const session = await client.openSession("units");
    const answer = await putChunk(session, `bytes 0-${unit + 99}/*`, Buffer.alloc(unit + 100));
    expect([answer.status, answer.headers.get("range")]).toEqual([308, `bytes=0-${unit - 1}`]);
  });

  it("that is cancelled answers 499 and publishes nothing", async () => {
    const session = await client.openSession("cancelled");
    await putChunk(session, `bytes 0-${unit - 1}/*`, Buffer.alloc(unit));
    expect((await fetch(session, { method: "DELETE" })).status).toBe(499);
    expect((await putChunk(session, `bytes ${unit}-${unit}/${unit + 1}`, Buffer.alloc(1))).status).toBe(499);
    expect((await client.object("cancelled")).status).toBe(404);
  });

  it("looks at its precondition when it begins and when it publishes", async () => {
    const session = await client.openSession("late", "&ifGenerationMatch=0");
    await client.put("late", "somebody else");
    expect((await putChunk(session, "bytes 0-2/3", Buffer.from("new"))).status).toBe(412);
    await expect(client.openSession("late", "&ifGenerationMatch=0")).rejects.toThrow(/^412/);
  });

  it("refuses the last chunk when the whole has another hash", async () => {
    const session = await client.openSession("hashed");
    const answer = await putChunk(session, "bytes 0-2/3", Buffer.from("new"), { "x-goog-hash": "md5=AAAA" });
    expect(answer.status).toBe(400);
    expect((await client.object("hashed")).status).toBe(404);
  });
});

describe("lists, joins and copies", () => {
  it("lists in the order of bytes, rolled up, page by page", async () => {
    for (const name of ["l/b", "l/a", "l/c/1", "l/c/2", "l/Z"]) await client.put(name, "x");
    const whole = await (await client.list("?prefix=l/&delimiter=/&fields=items(name),prefixes")).json();
    expect(whole).toEqual({ items: [{ name: "l/Z" }, { name: "l/a" }, { name: "l/b" }], prefixes: ["l/c/"] });
    const page = (await (await client.list("?prefix=l/&maxResults=2")).json()) as { nextPageToken: string };
    const rest = await client.list(
      `?prefix=l/&fields=items(name)&pageToken=${encodeURIComponent(page.nextPageToken)}`,
    );
    expect(await rest.json()).toEqual({ items: [{ name: "l/b" }, { name: "l/c/1" }, { name: "l/c/2" }] });
    const offset = await client.list("?prefix=l/&startOffset=l/c&fields=items(name)");
    expect(await offset.json()).toEqual({ items: [{ name: "l/c/1" }, { name: "l/c/2" }] });
    expect((await client.list("?pageToken=forged")).status).toBe(400);
  });

  it("joins 1 to 32 objects, of the versions that were named", async () => {
    const { generation } = (await (await client.put("j/1", "one ")).json()) as { generation: string };
    await client.put("j/2", "two");
    const join = (sourceObjects: readonly object[], query = "") =>
      client.object("j/whole", `/compose${query}`, {
        method: "POST",
        body: JSON.stringify({ sourceObjects }),
      });
    expect((await join([{ name: "j/1", generation }, { name: "j/2" }])).status).toBe(200);
    expect(await (await client.object("j/whole", "?alt=media")).text()).toBe("one two");
    expect((await join([{ name: "j/1", generation: "1" }])).status).toBe(404);
    expect((await join([{ name: "j/1" }], "?ifGenerationMatch=0")).status).toBe(412);
    expect((await join([])).status).toBe(400);
    expect((await join(Array.from({ length: 33 }, () => ({ name: "j/1" })))).status).toBe(400);
  });

  it("copies a large object in several steps, each with the token of the one before", async () => {
    await client.put("c/from", Buffer.alloc(1_500_000, 7));
    const path = `/rewriteTo/b/${rig.bucket}/o/c%2Fto`;
    const first = (await (await client.object("c/from", path, { method: "POST" })).json()) as Record<
      string,
      string
    >;
    expect(first).toMatchObject({ done: false });
    expect((await client.object("c/to")).status).toBe(404);
    const forged = await client.object("c/from", `${path}?rewriteToken=forged`, { method: "POST" });
    expect(forged.status).toBe(400);
    const next = await client.object("c/from", `${path}?rewriteToken=${first.rewriteToken}`, {
      method: "POST",
    });
    expect(await next.json()).toMatchObject({ done: true, resource: { size: "1500000" } });
    const other = await client.object("c/from", `${path}?ifSourceGenerationMatch=1`, { method: "POST" });
    expect(other.status).toBe(412);
  });

  it("takes a batch of at most a hundred deletions", async () => {
    const batch = (count: number) => {
      const part = `--b\r\nContent-Type: application/http\r\nContent-ID: <1>\r\n\r\nDELETE /storage/v1/b/${rig.bucket}/o/none HTTP/1.1\r\n\r\n\r\n`;
      const headers = { "content-type": "multipart/mixed; boundary=b" };
      return client.call("/batch/storage/v1", {
        method: "POST",
        headers,
        body: `${part.repeat(count)}--b--\r\n`,
      });
    };
    expect(await (await batch(100)).text()).toContain("HTTP/1.1 404 Not Found");
    expect((await batch(101)).status).toBe(400);
  });
});

describe("a signed URL of the official signer", () => {
  const { client_email = "", private_key = "" } = rig.owner;
  const sdk = new Sdk({
    apiEndpoint: "http://storage.example.com",
    credentials: { client_email, private_key },
  });
  const expires = Date.now() + 3_600_000;

  function sign(name: string, config: Partial<GetSignedUrlConfig> = {}): Promise<string> {
    const file = sdk.bucket(rig.bucket).file(name);
    return file.getSignedUrl({ version: "v4", action: "read", expires, ...config }).then(([url]) => url);
  }

  /** Asks the double under the name that was signed: the official signer knows no ports. */
  async function ask(
    url: string,
    method = "GET",
    headers: Record<string, string> = {},
  ): Promise<number | undefined> {
    const { host, pathname, search } = new URL(url);
    const { port } = new URL(rig.endpoint);
    const options = {
      host: "127.0.0.1",
      port,
      method,
      path: pathname + search,
      headers: { host, ...headers },
    };
    const request = http.request(options).end(method === "PUT" ? "content" : undefined);
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    response.resume();
    return response.statusCode;
  }

  it("reads its object, until something of it is changed", async () => {
    await client.put("signed", "content");
    const url = await sign("signed", { queryParams: { "response-content-disposition": "attachment" } });
    expect(await ask(url)).toBe(200);
    expect(await ask(url, "PUT")).toBe(403);
    expect(await ask(url, "GET", { host: "other.example.com" })).toBe(403);
    expect(await ask(url, "GET", { "x-goog-custom": "not signed" })).toBe(403);
    for (const [from, to] of [
      ["/signed?", "/other?"],
      ["=attachment", "=inline"],
      [/Expires=[0-9]+/, "Expires=9999"],
      [/Signature=../, "Signature=00"],
      [/&X-Goog-Signature=.*/, ""],
    ] as const) {
      expect(await ask(url.replace(from, to)), String(from)).toBe(403);
    }
    expect(await ask(`${url}&X-Goog-Expires=1`)).toBe(403);
  });

  it("is refused before and after its time, and for a signer that nobody knows", async () => {
    await client.put("timed", "content");
    const past = Date.now() - 10_000;
    expect(await ask(await sign("timed", { accessibleAt: past - 1000, expires: Date.now() + 1000 }))).toBe(
      200,
    );
    const early = await sign("timed", { accessibleAt: Date.now() + 3_000_000 });
    expect(await ask(early)).toBe(403);
    const url = await sign("timed");
    const late = url.replace(/Date=[0-9]{8}/, "Date=20200101").replace(/%2F[0-9]{8}%2F/, "%2F20200101%2F");
    expect(await ask(late)).toBe(400);
    expect(await ask(url.replace("owner%40", "nobody%40"))).toBe(403);
  });

  it("writes with the type and the size that were signed, and nothing else", async () => {
    const extensionHeaders = { "x-goog-content-length-range": "0,7" };
    const url = await sign("written", { action: "write", contentType: "text/plain", extensionHeaders });
    const headers = { "content-type": "text/plain", ...extensionHeaders };
    expect(await ask(url, "PUT", { ...headers, "content-type": "text/html" })).toBe(403);
    expect(await ask(url, "PUT", { ...headers, "x-goog-content-length-range": "0,99" })).toBe(403);
    expect(await ask(url, "PUT", headers)).toBe(200);
    const smaller = { "x-goog-content-length-range": "0,6" };
    const tight = await sign("tight", {
      action: "write",
      contentType: "text/plain",
      extensionHeaders: smaller,
    });
    expect(await ask(tight, "PUT", { ...headers, ...smaller })).toBe(400);
    expect((await client.object("tight")).status).toBe(404);
  });
});
