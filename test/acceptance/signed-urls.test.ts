import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { call, kinds, makeBackend, pathOf, type Service, startService } from "./service.js";

/** What the parameters of a URL say, whatever their order and spelling. */
function parametersOf(url: string): string {
  return [...new URLSearchParams(url.slice(url.indexOf("?") + 1))].map(String).sort().join("\n");
}

describe.each(kinds)("%s", (kind) => {
  let service: Service;
  let remove: () => Promise<void>;

  beforeAll(async () => {
    const made = await makeBackend(kind);
    remove = made.remove;
    service = await startService({ backend: made.backend });
    await service.storage.put("t/a.txt", "hello");
    await service.storage.put("t/b.txt", "other");
  });
  afterAll(async () => {
    await service.close();
    await remove();
  });

  const get = (path: string, method = "GET") => call(service.port, { path, method });
  const signed = async () =>
    pathOf(await service.storage.getUrl("t/a.txt", { download: true, filename: "naïve %41.txt" }));

  test("the URL as it was signed works for GET and HEAD, and for nothing else", async () => {
    const path = await signed();
    expect((await get(path)).text).toBe("hello");
    expect((await get(path, "HEAD")).status).toBe(200);
    expect((await get(path, "PUT")).status).toBe(403);
    for (const method of ["POST", "DELETE", "PATCH"]) {
      const answer = await get(path, method);
      expect([answer.status, answer.headers.allow]).toEqual([405, "GET, HEAD, PUT"]);
    }
    const override = await call(service.port, {
      method: "POST",
      path,
      headers: { "x-http-method-override": "GET" },
    });
    expect(override.status).toBe(405);
  });

  test("no character of the query can be changed, dropped or doubled so that another parameter is read", async () => {
    const path = await signed();
    const start = path.indexOf("?") + 1;
    for (let at = start; at < path.length; at += 1) {
      const swapped = path[at] === "A" ? "B" : "A";
      for (const middle of [swapped, "", `${path[at]}${path[at]}`]) {
        const changed = path.slice(0, at) + middle + path.slice(at + 1);
        const expected = parametersOf(changed) === parametersOf(path) ? 200 : 403;
        expect([changed, (await get(changed)).status]).toEqual([changed, expected]);
      }
    }
  });

  test("no character of the key can be changed to another key", async () => {
    const path = await signed();
    const [from, to] = ["/files/".length, path.indexOf("?")];
    for (let at = from; at < to; at += 1) {
      const changed = path.slice(0, at) + (path[at] === "b" ? "c" : "b") + path.slice(at + 1);
      expect([changed, (await get(changed)).status]).toEqual([changed, 403]);
    }
    expect((await get(path.replace("a.txt", "b.txt"))).status).toBe(403);
  });

  test("parameters cannot be removed, added, doubled or changed; their order and spelling mean nothing", async () => {
    const path = await signed();
    const [file = "", query = ""] = path.split("?");
    const parameters = query.split("&");
    const variants = [
      "",
      query.replace(/&signature=.*/, ""),
      query.replace(/signature=.*/, "signature="),
      ...parameters.map((each) => parameters.filter((other) => other !== each).join("&")),
      ...parameters.map((each) => `${query}&${each}`),
      ...parameters.map((each) => `${each}&${query}`),
      [...parameters].reverse().join("&"),
      ...parameters.slice(1).map((_, index) => swap(parameters, index).join("&")),
      `${query}&x=1`,
      `x=1&${query}`,
      `${query}&`,
      `&${query}`,
      `?${query}`,
      query.replace("&", "&&"),
      query.replaceAll("&", ";"),
      query.replace("download=1", "download=0"),
      query.replace("download=1", "download=true"),
      query.replace("&download=1", ""),
      query.replace("expires=", "expires=0"),
      query.replace("expires=", "expires=+"),
      query.replace("expires=", "expires=%31"),
      query.replace("expires=", "Expires="),
      query.replace(/expires=[0-9]+/, "expires=99999999999"),
      query.replace(/expires=[0-9]+/, "expires=1e99"),
      query.replace(/expires=[0-9]+/, "expires=NaN"),
      query.replace(/expires=[0-9]+/, "expires=-1"),
      query.replace(/expires=[0-9]+/, "expires="),
      query.replace("%C3%AF", "%c3%af"),
      query.replace("%20", "+"),
      query.replace(/signature=/, "signature=é"),
      `${query}=`,
      `${query}%00`,
      encodeURIComponent(query),
    ];
    for (const variant of new Set(variants)) {
      const answer = await get(encodeURI(`${file}?`) + variant.replace("é", "%C3%A9"));
      const expected = parametersOf(`?${variant}`) === parametersOf(`?${query}`) ? 200 : 403;
      expect([variant, answer.status]).toEqual([variant, expected]);
    }
  });

  test("every refusal is the same, down to the byte", async () => {
    const path = await signed();
    const expired = pathOf(
      (
        await service.storage.backend.sign((await service.storage.getMetadata("t/a.txt")).key as never, {
          method: "get",
          expiresAt: new Date(1_000_000_000_000),
          download: false,
          filename: undefined,
          contentType: undefined,
          transform: undefined,
        })
      )(),
    );
    const missing = pathOf(await service.storage.getUrl("t/none.txt")).replace("expires=", "expires=1");
    const bodies = new Set<string>();
    for (const each of [
      expired,
      missing,
      "/files/t/a.txt",
      "/files/x",
      `${path}x`,
      path.replace("a.txt", "b.txt"),
    ]) {
      const answer = await get(each);
      expect(answer.status).toBe(403);
      bodies.add(answer.text + JSON.stringify(Object.keys(answer.headers)));
    }
    expect(bodies.size).toBe(1);
  });

  test("an expired URL stays 403 under any condition", async () => {
    const file = await service.storage.getMetadata("t/a.txt");
    const expired = pathOf(
      (
        await service.storage.backend.sign(file.key as never, {
          method: "get",
          expiresAt: new Date(Date.now() - 1000),
          download: false,
          filename: undefined,
          contentType: undefined,
          transform: undefined,
        })
      )(),
    );
    for (const headers of [
      { "if-none-match": `"${file.etag}"` },
      { range: "bytes=0-1" },
      { "if-match": "*" },
    ]) {
      expect((await call(service.port, { path: expired, headers })).status).toBe(403);
    }
  });

  test("a put-signed URL stores what it was signed for, and no other type, key or verb", async () => {
    const path = pathOf(await service.storage.getUploadUrl("up/new.png", { contentType: "image/png" }));
    const put = (headers: Record<string, string>, to = path) =>
      call(service.port, { method: "PUT", path: to, headers, body: "bytes" });
    expect((await put({ "content-type": "text/html" })).status).toBe(403);
    expect((await put({ "content-type": "image/png; x=1" })).status).toBe(403);
    expect((await put({})).status).toBe(403);
    expect((await put({ "content-type": "image/png" }, path.replace("new", "old"))).status).toBe(403);
    expect((await get(path)).status).toBe(403);
    expect(await service.storage.exists("up/new.png")).toBe(false);
    const stored = await put({ "content-type": "image/png", "x-meta-role": "admin" });
    expect(stored.status).toBe(200);
    expect(stored.json()).toMatchObject({ key: "up/new.png", size: 5, contentType: "image/png", url: null });
    const file = await service.storage.getMetadata("up/new.png");
    expect([file.contentType, file.metadata]).toEqual(["image/png", {}]);
    expect((await put({ "content-type": "image/png", "if-none-match": "*" })).status).toBe(412);
  });

  test("a valid URL of a missing object is 404", async () => {
    expect((await get(pathOf(await service.storage.getUrl("t/none.txt")))).status).toBe(404);
  });
});

function swap(list: readonly string[], index: number): string[] {
  const copy = [...list];
  [copy[index], copy[index + 1]] = [list[index + 1] ?? "", list[index] ?? ""];
  return copy;
}

test("a refusal says its reason in the log, and the same to every caller", async () => {
  const logLines: string[] = [];
  const service = await startService({ logLines });
  await service.storage.put("k", "x");
  const path = pathOf(await service.storage.getUrl("k"));
  const expired = pathOf(await service.storage.getUrl("k", { expiresIn: 1 }));
  const upload = pathOf(await service.storage.getUploadUrl("up", { contentType: "text/plain" }));
  const put = (type: string) =>
    call(service.port, { method: "PUT", path: upload, headers: { "content-type": type }, body: "x" });
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const answers = [
    await call(service.port, { path: "/files/k" }),
    await call(service.port, { path: path.replace("/k?", "/other?") }),
    await call(service.port, { path: expired }),
    await put("text/html"),
  ];
  const told = answers.map(({ status, text }) => [status, text.replace(/"instance":"[^"]*"/, "")]);
  expect(new Set(told.map(String)).size).toBe(1);
  expect(told[0]?.[0]).toBe(403);
  const reasons = logLines
    .map((line): { msg: string; reason?: string } => JSON.parse(line))
    .filter(({ msg }) => msg === "a signed URL was refused")
    .map(({ reason }) => reason);
  expect(reasons).toEqual(["malformed", "forged", "expired", "other type"]);
  await service.close();
});
