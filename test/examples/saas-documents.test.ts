import Fastify, { type FastifyInstance } from "fastify";
import sharp from "sharp";
import type { ServiceApp } from "svc-infra";
import { addSqlDb } from "svc-infra/sql";
import { Storage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterEach, beforeEach, expect, it } from "vitest";
import { refreshDocument } from "../../examples/saas/documents.js";
import { documents } from "../../examples/saas/schema.js";
import { createTables } from "../webhooks/create-tables.js";

let fastify: FastifyInstance;
let storage: Storage;

beforeEach(async () => {
  fastify = Fastify();
  await createTables(await addSqlDb(fastify, { url: "pglite:memory", env: {} }), { documents });
  storage = new Storage(new MemoryBackend());
});

afterEach(() => fastify.close());

/** One job about the document. `beforeWrite` is awaited before its first change of a row. */
function refresh(beforeWrite = async () => {}): Promise<void> {
  let first: Promise<void> | undefined;
  const hold = () => (first ??= beforeWrite());
  const db = {
    transaction: async (work: never) => {
      await hold();
      return fastify.db.transaction(work);
    },
    delete: (table: typeof documents) => ({
      where: async (condition: never) => {
        await hold();
        await fastify.db.delete(table).where(condition);
      },
    }),
  };
  const app = { storage, db, events: { publish: async () => undefined } };
  const event = { tenant: "acme", data: { key: "acme/a.png" } };
  return refreshDocument(app as unknown as ServiceApp, event as never);
}

async function upload(width: number): Promise<void> {
  const picture = sharp({ create: { width, height: 10, channels: 3, background: "red" } }).png();
  await storage.forTenant("acme").put("a.png", await picture.toBuffer(), { contentType: "image/png" });
}

/** Whether the row and the preview are those of the content that is stored. */
async function expectShown(width: number): Promise<void> {
  const files = storage.forTenant("acme");
  const { etag, size } = await files.getMetadata("a.png");
  expect(await fastify.db.select().from(documents)).toMatchObject([{ etag, size, hasPreview: true }]);
  const preview = await sharp(await files.get("previews/a.png.webp")).metadata();
  expect(preview.width).toBe(width);
}

it("a job that looked before a newer upload does not have the last word", async () => {
  await upload(20);
  await refresh(async () => {
    await upload(30);
    await refresh();
  });
  await expectShown(30);
});

it("a job that found nothing leaves what was uploaded meanwhile", async () => {
  await upload(20);
  await refresh();
  await storage.forTenant("acme").delete("a.png");
  await refresh(async () => {
    await upload(30);
    await refresh();
  });
  await expectShown(30);
});

it("a document that is deleted while a job reads it leaves neither row nor preview", async () => {
  await upload(20);
  await refresh(async () => {
    await storage.forTenant("acme").delete("a.png");
    await refresh();
  });
  expect(await fastify.db.select().from(documents)).toEqual([]);
  expect(await storage.forTenant("acme").exists("previews/a.png.webp")).toBe(false);
});
