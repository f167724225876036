import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { FastifyInstance } from "fastify";
import { afterEach, describe, expect, it } from "vitest";
import { documentsService as serviceAfter } from "../../examples/documents/after.js";
import { documentsService as serviceBefore } from "../../examples/documents/before.js";

const pdf = Buffer.from("%PDF-1.7\nan invoice\n");
const pieceBytes = 64 * 1024;
const largeBytes = 64 * 2 ** 20;

const toDo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const undo of toDo.splice(0).reverse()) await undo();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "documents-"));
  toDo.push(() => rm(path, { recursive: true }));
  return path;
}

async function running(starting: Promise<FastifyInstance>): Promise<FastifyInstance> {
  const app = await starting;
  toDo.push(() => app.close());
  return app;
}

function onDisk(basePath: string): Promise<FastifyInstance> {
  return serviceAfter({ backend: "local", basePath });
}

async function create(app: FastifyInstance, name = "Rechnung März.pdf") {
  const answer = await app.inject({
    method: "POST",
    url: "/documents",
    query: { name },
    headers: { "content-type": "application/pdf" },
    payload: pdf,
  });
  expect(answer.statusCode).toBe(201);
  return answer.json();
}

/** GET as a client does it, who goes where a redirect points. */
async function get(app: FastifyInstance, url: string) {
  const answer = await app.inject(url);
  return answer.statusCode === 302 ? app.inject(String(answer.headers.location)) : answer;
}

describe.each([
  { name: "before", start: serviceBefore },
  { name: "after, in memory", start: () => serviceAfter({ backend: "memory" }) },
  { name: "after, on local disk", start: async () => onDisk(await folder()) },
])("the documents service $name", ({ start }) => {
  it("keeps a document with its name and type", async () => {
    const app = await running(start());
    const created = await create(app);
    expect(created).toMatchObject({ name: "Rechnung März.pdf", contentType: "application/pdf", size: 20 });
    const shown = await app.inject(`/documents/${created.id}`);
    expect(shown.json()).toMatchObject({ id: created.id, name: "Rechnung März.pdf", size: 20 });
  });

  it("gives the same bytes back", async () => {
    const app = await running(start());
    const { id } = await create(app);
    const content = await get(app, `/documents/${id}/content`);
    expect(content.headers["content-type"]).toBe("application/pdf");
    expect(content.rawPayload).toEqual(pdf);
  });

  it("lists what there is", async () => {
    const app = await running(start());
    const created = [await create(app, "a.pdf"), await create(app, "b.pdf")];
    const listed: { id: string }[] = (await app.inject("/documents")).json();
    expect(listed.map(({ id }) => id).sort()).toEqual(created.map(({ id }) => id).sort());
  });

  it("deletes once, and has nothing then", async () => {
    const app = await running(start());
    const { id } = await create(app);
    const remove = () => app.inject({ method: "DELETE", url: `/documents/${id}` });
    expect((await remove()).statusCode).toBe(204);
    expect((await remove()).statusCode).toBe(404);
    expect((await app.inject(`/documents/${id}`)).statusCode).toBe(404);
    expect((await get(app, `/documents/${id}/content`)).statusCode).toBe(404);
  });
});

describe("what the migration of the documents service brings", () => {
  it("documents outlive a restart", async () => {
    const basePath = await folder();
    const first = await onDisk(basePath);
    const { id } = await create(first);
    await first.close();
    const second = await running(onDisk(basePath));
    expect((await get(second, `/documents/${id}/content`)).rawPayload).toEqual(pdf);
    const forgetful = await serviceBefore();
    const lost = await create(forgetful);
    await forgetful.close();
    expect((await (await running(serviceBefore())).inject(`/documents/${lost.id}`)).statusCode).toBe(404);
  });

  it("an upload of 64 MiB goes through, and not into memory", async () => {
    expect(await memoryOfUpload(await running(serviceBefore()))).toBeGreaterThan(largeBytes / 2);
    expect(await memoryOfUpload(await running(onDisk(await folder())))).toBeLessThan(largeBytes / 4);
  });

  it("a document's URL works by itself, as it was signed and not otherwise", async () => {
    const app = await running(onDisk(await folder()));
    const { id, url } = await create(app);
    const other = await create(app);
    const answer = await app.inject(url);
    expect(answer.rawPayload).toEqual(pdf);
    expect(answer.headers["x-content-type-options"]).toBe("nosniff");
    expect((await app.inject(url.replace(id, other.id))).statusCode).toBe(403);
    expect((await app.inject(url.replace(/\?.*/, ""))).statusCode).toBe(403);
  });

  it("an id that climbs out of its folder is refused", async () => {
    const app = await running(onDisk(await folder()));
    expect((await app.inject("/documents/..%2Fsecret")).statusCode).toBe(400);
  });
});

/** Most bytes of buffers alive at any time of a large upload, over what was alive before. */
async function memoryOfUpload(app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = app.server.address() as AddressInfo;
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const aliveBytes = () => {
    collect();
    return process.memoryUsage().arrayBuffers;
  };
  const start = aliveBytes();
  let most = 0;
  async function* pieces() {
    for (let sent = 0; sent < largeBytes; sent += pieceBytes) {
      yield Buffer.alloc(pieceBytes, "svc-infra");
      if (sent % (4 * 2 ** 20) === 0) most = Math.max(most, aliveBytes() - start);
    }
    most = Math.max(most, aliveBytes() - start);
  }
  const headers = { "content-type": "application/zip", "content-length": largeBytes };
  const sending = request({ port, path: "/documents?name=large.zip", method: "POST", headers });
  const answer = new Promise<number | undefined>((resolve, reject) => {
    sending.on("response", (response) => resolve(response.resume().statusCode)).on("error", reject);
  });
  await pipeline(pieces, sending);
  expect(await answer).toBe(201);
  return Math.max(most, aliveBytes() - start);
}
