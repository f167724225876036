import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CloudinaryDouble, startCloudinaryDouble } from "./cloudinary-double.js";

const run = promisify(execFile);
const authTokenKey = "00112233445566778899aabbccddeeff";
const png = Buffer.from("\x89PNG\r\n\x1a\n....", "latin1");

let double: CloudinaryDouble;
let now = Date.now();

beforeEach(async () => {
  now = Date.now();
  const maxFileBytes = { image: 1000 };
  double = await startCloudinaryDouble({ authTokenKey, maxFileBytes, adminCallsPerHour: 20, now: () => now });
});
afterEach(() => double.stop());

/** Signed here by the documentation's words, and by none of the code under test. */
function signed(parameters: Record<string, string>, algorithm = "sha1"): Record<string, string> {
  const { apiKey, apiSecret } = double.options;
  const timed = { timestamp: String(Math.floor(now / 1000)), ...parameters };
  const pairs = Object.entries(timed).map(([name, value]) => `${name}=${value}`.replaceAll("&", "%26"));
  const signature = createHash(algorithm)
    .update(pairs.sort().join("&") + apiSecret)
    .digest("hex");
  return { ...timed, signature, api_key: apiKey };
}

interface Answer {
  readonly status: number;
  readonly message: string;
  readonly json: Record<string, unknown>;
}

interface Listed {
  readonly resources?: readonly { readonly public_id: string }[];
  readonly next_cursor?: string;
  readonly error?: { readonly message: string };
}

async function post(
  path: string,
  fields: Record<string, string>,
  file?: Uint8Array,
  headers = {},
): Promise<Answer> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  if (file !== undefined) form.set("file", new Blob([Uint8Array.from(file)]), "file");
  const url = `${double.endpoint}/v1_1/${double.options.cloudName}/${path}`;
  const response = await fetch(url, { method: "POST", body: form, headers });
  return answerOf(response.status, await response.text());
}

function answerOf(status: number, text: string): Answer {
  const json = JSON.parse(text);
  return { status, json, message: json.error?.message ?? "" };
}

async function get(path: string, password = double.options.apiSecret): Promise<Response> {
  const authorization = `Basic ${Buffer.from(`${double.options.apiKey}:${password}`).toString("base64")}`;
  return fetch(`${double.endpoint}/v1_1/${double.options.cloudName}/${path}`, { headers: { authorization } });
}

const put = (publicId: string, content: Uint8Array = Buffer.from("x"), more = {}, type = "raw") =>
  post(`${type}/upload`, signed({ public_id: publicId, type: "authenticated", ...more }), content);

describe("a signature is refused", () => {
  test("that was made with another secret, of other parameters, or with another digest", async () => {
    const fields = signed({ public_id: "a" });
    const attempts = [
      { ...fields, signature: "0".repeat(40) },
      { ...fields, public_id: "b" },
      { ...fields, overwrite: "true" },
      signed({ public_id: "a" }, "sha256"),
    ];
    for (const each of attempts) {
      const { status, message } = await post("raw/upload", each, Buffer.from("x"));
      expect([status, message.slice(0, 17)]).toEqual([401, "Invalid Signature"]);
    }
    expect(double.assets.size).toBe(0);
  });

  test("that is missing, of another key or for another cloud", async () => {
    const fields = signed({ public_id: "a" });
    const { api_key, ...keyless } = fields;
    expect((await post("raw/upload", keyless, Buffer.from("x"))).status).toBe(401);
    const other = await post("raw/upload", { ...fields, api_key: "1" }, Buffer.from("x"));
    expect([other.status, other.message]).toEqual([401, "Unknown API key 1"]);
    const response = await fetch(`${double.endpoint}/v1_1/nobody/raw/upload`, { method: "POST" });
    expect([response.status, await response.json()]).toEqual([
      401,
      { error: { message: "Invalid cloud_name nobody" } },
    ]);
  });

  test("an hour after its time, and an hour before", async () => {
    for (const offset of [-3601, 3601]) {
      const timestamp = String(Math.floor(now / 1000) + offset);
      const { status, message } = await post(
        "raw/upload",
        signed({ public_id: "a", timestamp }),
        Buffer.from("x"),
      );
      expect([status, message.slice(0, 13)]).toEqual([400, "Stale request"]);
    }
  });

  test("when an ampersand in a value is not escaped", async () => {
    const fields = {
      public_id: "a",
      timestamp: String(Math.floor(now / 1000)),
      type: "upload",
      context: "b=c&d",
    };
    const text = "context=b=c&d&public_id=a&timestamp=";
    const tail = `${fields.timestamp}&type=upload${double.options.apiSecret}`;
    const signature = createHash("sha1")
      .update(text + tail)
      .digest("hex");
    const { apiKey: api_key } = double.options;
    expect((await post("raw/upload", { ...fields, signature, api_key }, Buffer.from("x"))).status).toBe(401);
    expect((await post("raw/upload", signed(fields), Buffer.from("x"))).status).toBe(200);
  });
});

describe("an upload is refused", () => {
  test.each([
    " a",
    "a/",
    "/a",
    "a?b",
    "a&b",
    "a#b",
    "a%b",
    "v1/a",
    "images/a",
    "b/videos/a",
    "x".repeat(256),
  ])("under the public id %j", async (publicId) => {
    expect((await put(publicId)).status).toBe(400);
  });

  test.each(["a", "a=", "=b", "a=b=c", "a=b|", `a=${"x".repeat(1025)}`, "a=\u0007", "a= b"])(
    "with the context %j",
    async (context) => {
      expect((await put("a", Buffer.from("x"), { context })).status).toBe(400);
    },
  );

  test("when it is empty, no image, no video, too large or without a file", async () => {
    expect((await put("a", Buffer.alloc(0))).message).toBe("Empty file");
    expect((await put("a", Buffer.from("text"), {}, "image")).message).toBe("Invalid image file");
    expect((await put("a", Buffer.from("text"), {}, "video")).message).toMatch(/^Unsupported video/);
    expect((await put("a", Buffer.concat([png, Buffer.alloc(1000)]), {}, "image")).message).toMatch(
      /^File size too large\. Got 1012\. Maximum is 1000\./,
    );
    expect((await post("raw/upload", signed({ public_id: "a" }))).message).toMatch(/file$/);
  });

  test("in chunks that are too small, out of place, or of something else", async () => {
    const piece = Buffer.alloc(5 * 1024 * 1024, 1);
    const chunk = (publicId: string, range: string, content: Uint8Array, id = "one") => {
      const headers = { "x-unique-upload-id": id, "content-range": range };
      return post("raw/upload", signed({ public_id: publicId }), content, headers);
    };
    expect((await chunk("a", "bytes 0-0/-1", Buffer.from("x"), "small")).status).toBe(400);
    expect((await chunk("a", `bytes 5-${piece.length + 4}/-1`, piece, "late")).status).toBe(400);
    expect((await chunk("a", `bytes 0-${piece.length - 1}/-1`, piece)).json).toMatchObject({ done: false });
    expect(
      (await chunk("b", `bytes ${piece.length}-${piece.length}/${piece.length + 1}`, Buffer.from("x")))
        .status,
    ).toBe(400);
    expect([double.assets.size, double.openUploads]).toEqual([0, 1]);
    const last = await chunk(
      "a",
      `bytes ${piece.length}-${piece.length}/${piece.length + 1}`,
      Buffer.from("x"),
    );
    expect(last.json).toMatchObject({ public_id: "a", bytes: piece.length + 1 });
    expect(double.openUploads).toBe(0);
  });
});

test("overwrite=false leaves what is there and says so", async () => {
  await put("a", Buffer.from("first"));
  const second = await put("a", Buffer.from("second"), { overwrite: "false" });
  expect(second.json).toMatchObject({ existing: true, bytes: 5 });
});

test("context comes back without its backslashes; rename and explicit do what they say", async () => {
  await put("a", Buffer.from("x"), { context: "one=1\\=2\\|3|two=é" });
  const path = "resources/raw/authenticated";
  const found = await (await get(`${path}/a`)).json();
  expect(found).toMatchObject({ context: { custom: { one: "1=2|3", two: "é" } } });
  const explicit = signed({ public_id: "a", type: "authenticated", context: "three=3" });
  expect((await post("raw/explicit", explicit)).json.context).toEqual({ custom: { three: "3" } });
  await put("b");
  const rename = { from_public_id: "a", to_public_id: "b", type: "authenticated" };
  expect((await post("raw/rename", signed(rename))).status).toBe(409);
  expect((await post("raw/rename", signed({ ...rename, overwrite: "true" }))).json.public_id).toBe("b");
  expect((await get(`${path}/a`)).status).toBe(404);
  const destroy = signed({ public_id: "b", type: "authenticated" });
  expect((await post("raw/destroy", destroy)).json).toEqual({ result: "ok" });
  expect((await post("raw/destroy", destroy)).json).toEqual({ result: "not found" });
});

describe("the Admin API", () => {
  test("wants the key and the secret, and answers a page for people without them", async () => {
    const response = await get("resources/raw/authenticated/a", "wrong");
    expect([response.status, response.headers.get("content-type")]).toEqual([401, "text/html"]);
    expect((await get("resources/raw/authenticated/a")).status).toBe(404);
  });

  test("counts its calls by the hour, and says when the hour ends", async () => {
    for (let turn = 0; turn < 20; turn++) expect((await get("ping")).status).toBe(200);
    const response = await get("ping");
    expect(response.status).toBe(420);
    expect(response.headers.get("x-featureratelimit-remaining")).toBe("0");
    expect(Date.parse(response.headers.get("x-featureratelimit-reset") ?? "")).toBeGreaterThan(now);
  });

  test("sorts by public id with a prefix only, and takes only its own cursors", async () => {
    for (const id of ["p/b", "p/a", "p/c", "q"]) await put(id);
    const list = async (query: string): Promise<Listed> =>
      JSON.parse(await (await get(`resources/raw/authenticated?${query}`)).text());
    const first = await list("prefix=p/&max_results=2");
    expect(first.resources?.map(({ public_id }) => public_id)).toEqual(["p/a", "p/b"]);
    const second = await list(`prefix=p/&max_results=2&next_cursor=${first.next_cursor}`);
    expect(second.resources).toHaveLength(1);
    expect(second.next_cursor).toBeUndefined();
    expect((await list(`prefix=q&next_cursor=${first.next_cursor}`)).error?.message).toMatch(/next_cursor/);
    expect((await list("max_results=501")).error?.message).toMatch(/max_results/);
  });
});

describe("what is delivered", () => {
  const download = (fields: Record<string, string>) =>
    fetch(
      `${double.endpoint}/v1_1/${double.options.cloudName}/image/download?${new URLSearchParams(fields)}`,
    );
  const deliver = (path: string) => fetch(`${double.endpoint}/${double.options.cloudName}/image/${path}`);
  const signature = (text: string, length: number) => {
    const hash = createHash(length === 8 ? "sha1" : "sha256").update(text + double.options.apiSecret);
    return `s--${hash.digest("base64").slice(0, length).replaceAll("/", "_").replaceAll("+", "-")}--`;
  };

  beforeEach(() => put("f/a.png", png, {}, "image"));

  test("is a download until it expires, and never another one", async () => {
    const fields = {
      public_id: "f/a.png",
      type: "authenticated",
      expires_at: String(Math.floor(now / 1000) + 7200),
    };
    const url = signed(fields);
    expect((await download(url)).status).toBe(200);
    expect((await download({ ...url, expires_at: "99999999999" })).status).toBe(401);
    expect((await download({ ...url, transformation: "w_1" })).status).toBe(401);
    now += 7_199_000;
    expect((await download(url)).status).toBe(200);
    now += 2000;
    expect((await download(url)).status).toBe(401);
  });

  test.each(["w_0", "w_10,w_20", "c_fill", "x_1", "f_exe", "q_101", "c_fill,w_1//q_1"])(
    "is never transformed by %j",
    async (transformation) => {
      const fields = signed({ public_id: "f/a.png", type: "authenticated", transformation });
      expect((await download(fields)).status).toBe(400);
      const path = `authenticated/${signature(`${transformation}/f/a.png.png`, 8)}/${transformation}/v1/f/a.png.png`;
      expect((await deliver(path)).status).toBeGreaterThanOrEqual(400);
    },
  );

  test("needs a signature of the transformation and the name, format included", async () => {
    const text = "c_limit,w_5/f/a.png.png";
    for (const length of [8, 32]) {
      const path = `${signature(text, length)}/c_limit,w_5/v1/f/a.png.png`;
      expect((await deliver(`authenticated/${path}`)).status).toBe(200);
      expect((await deliver(`authenticated/${path.replace("w_5/", "w_6/")}`)).status).toBe(401);
    }
    expect((await deliver("authenticated/v1/f/a.png.png")).status).toBe(401);
    expect((await deliver(`authenticated/${signature("f/a.png", 8)}/v1/f/a.png`)).status).toBe(404);
  });
});

test("what the official SDK sends passes, and what it makes of the answers is what was stored", async () => {
  const { cloudName, apiKey, apiSecret, endpoint } = double.options;
  const script = `
    const { v2: sdk } = require("cloudinary");
    (async () => {
      const id = { type: "authenticated", resource_type: "raw" };
      const up = await new Promise((resolve, reject) => sdk.uploader.upload_stream(
        { ...id, public_id: "s/b & c", context: { title: "a=b|c" } }, (error, result) => error ? reject(error) : resolve(result),
      ).end("hello")).catch((error) => error);
      const ok = await new Promise((resolve, reject) => sdk.uploader.upload_stream(
        { ...id, public_id: "s/b", context: { title: "a=b|c" } }, (error, result) => error ? reject(error) : resolve(result),
      ).end("hello"));
      const found = await sdk.api.resource("s/b", id);
      const list = await sdk.api.resources({ ...id, prefix: "s/" });
      const gone = await sdk.uploader.destroy("s/b", id);
      console.log(JSON.stringify([up.http_code, ok.bytes, found.context, list.resources.length, gone]));
    })().catch((error) => { console.error(error); process.exit(1); });`;
  const url = `cloudinary://${apiKey}:${apiSecret}@${cloudName}?upload_prefix=${endpoint}`;
  const env = { ...process.env, CLOUDINARY_URL: url };
  const { stdout } = await run(process.execPath, ["-e", script], { env, timeout: 60_000 });
  expect(JSON.parse(stdout)).toEqual([400, 5, { custom: { title: "a=b|c" } }, 1, { result: "ok" }]);
});
