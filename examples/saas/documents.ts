import { and, eq, inArray, ne } from "drizzle-orm";
import sharp from "sharp";
import type { ServiceApp } from "svc-infra";
import { defineEvent, type EventEnvelope } from "svc-infra/events";
import { FileNotFoundError } from "svc-infra/storage";
import { requireTenant } from "svc-infra/tenancy";
import { z } from "zod";
import { documents } from "./schema.js";

/** What subscribers of a tenant hear of. */
export const documentReady = defineEvent(
  "document.ready",
  z.object({ name: z.string(), size: z.int(), hasPreview: z.boolean() }),
);

type Files = ReturnType<ServiceApp["storage"]["forTenant"]>;

const previewOf = (name: string) => `previews/${name}.webp`;

/**
 * Brings row and preview in line with what is stored now. It is a job, so it can run twice, late, or beside another one
 * for the same document: that is why it believes no event, and looks again after it has written. So whoever writes last has
 * written what is stored.
 */
export async function refreshDocument(
  app: ServiceApp,
  { tenant, data: { key } }: EventEnvelope<{ key: string }>,
): Promise<void> {
  const name = key.slice(tenant.length + 1);
  // Documents are at the top; below are their previews.
  if (name.includes("/")) return;
  const files = app.storage.forTenant(tenant);
  for (;;) {
    const found = await unlessMissing(readDocument(files, name));
    await (found === undefined ? forget(app, tenant, name) : show(app, tenant, name, found));
    const now = await unlessMissing(files.getMetadata(name));
    if (now?.etag === found?.etag) return;
  }
}

/** A document, and the preview of that very content. */
interface FoundDocument {
  readonly etag: string;
  readonly size: number;
  readonly preview: Buffer | undefined;
}

async function readDocument(files: Files, name: string): Promise<FoundDocument> {
  const { etag, size, contentType } = await files.getMetadata(name);
  if (!contentType.startsWith("image/")) return { etag, size, preview: undefined };
  const picture = await files.open(name);
  return { etag: picture.etag, size: picture.size, preview: await makePreview(await picture.body.bytes()) };
}

/** Of a picture that cannot be read there is none. */
function makePreview(content: Uint8Array): Promise<Buffer | undefined> {
  const size = { width: 320, height: 320, fit: "inside", withoutEnlargement: true } as const;
  return sharp(content, { limitInputPixels: 50_000_000 })
    .rotate()
    .resize(size)
    .webp()
    .toBuffer()
    .catch(() => undefined);
}

async function show(
  app: ServiceApp,
  tenant: string,
  name: string,
  { etag, size, preview }: FoundDocument,
): Promise<void> {
  const hasPreview = preview !== undefined;
  const files = app.storage.forTenant(tenant);
  if (hasPreview) await files.put(previewOf(name), preview, { contentType: "image/webp" });
  else await files.delete(previewOf(name));
  await app.db.transaction(async (tx) => {
    const rows = await tx
      .insert(documents)
      .values({ tenant, name, etag, size, hasPreview })
      .onConflictDoUpdate({
        target: [documents.tenant, documents.name],
        set: { etag, size, hasPreview },
        setWhere: ne(documents.etag, etag),
      })
      .returning();
    if (rows.length === 0) return;
    await app.events.publish(tx, documentReady, { name, size, hasPreview }, { tenant, subject: name });
  });
}

async function forget(app: ServiceApp, tenant: string, name: string): Promise<void> {
  await app.db.delete(documents).where(and(eq(documents.tenant, tenant), eq(documents.name, name)));
  await app.storage.forTenant(tenant).delete(previewOf(name));
}

async function unlessMissing<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (error instanceof FileNotFoundError) return undefined;
    throw error;
  }
}

/** The documents of the caller's organisation, with links that work for an hour. */
export function documentRoutes(app: ServiceApp): void {
  const document = z.object({ name: z.string(), size: z.int(), url: z.url(), preview: z.url().nullable() });
  const schema = { response: { 200: z.array(document) } };
  app.get("/documents", { schema }, async (request) => {
    const tenant = await requireTenant(request);
    const files = app.storage.forTenant(tenant);
    const rows = await app.db.select().from(documents).where(eq(documents.tenant, tenant));
    return Promise.all(
      rows.map(async ({ name, size, hasPreview }) => ({
        name,
        size,
        url: await files.getUrl(name),
        preview: hasPreview ? await files.getUrl(previewOf(name)) : null,
      })),
    );
  });
}

/** Makes documents part of what a user takes along, and of what ends with an account. */
export function documentData(app: ServiceApp): void {
  app.authUsers.accounts.add("documents", {
    export: ({ tenants }) =>
      app.db
        .select()
        .from(documents)
        .where(inArray(documents.tenant, [...tenants])),
    erase: async ({ tenants }) => {
      await app.db.delete(documents).where(inArray(documents.tenant, [...tenants]));
    },
  });
}
