import swagger from "@fastify/swagger";
import Fastify from "fastify";
import { jsonSchemaTransform } from "fastify-type-provider-zod";
import { addStorage } from "svc-infra";
import { MemoryBackend } from "svc-infra/storage/memory";
import { describe, expect, it } from "vitest";
import { z } from "zod";

const operation = z.looseObject({
  summary: z.string().optional(),
  parameters: z.array(z.looseObject({ name: z.string(), in: z.string() })).optional(),
  requestBody: z.looseObject({ content: z.record(z.string(), z.unknown()) }).optional(),
  responses: z.record(z.string(), z.unknown()),
});
const documentShape = z.looseObject({ paths: z.record(z.string(), z.record(z.string(), operation)) });

async function documentOf(options: object) {
  const app = Fastify();
  await app.register(swagger, options);
  await addStorage(app, new MemoryBackend(), { authorize: "open", serveFiles: true });
  await app.ready();
  const document = documentShape.parse(app.swagger());
  await app.close();
  return document;
}

describe.each([
  ["its own JSON Schema", { openapi: { openapi: "3.1.0" } }],
  ["the transform of the zod type provider", { openapi: {}, transform: jsonSchemaTransform }],
])("@fastify/swagger with %s", (_name, options) => {
  it("describes every route with its verbs, and no other verb", async () => {
    const { paths } = await documentOf(options);
    const routes = Object.entries(paths).flatMap(([path, verbs]) =>
      Object.keys(verbs).map((verb) => `${verb} ${path}`),
    );
    expect(routes.filter((each) => !each.startsWith("head ")).sort()).toEqual([
      "delete /_storage/files/{*}",
      "delete /_storage/uploads/{id}",
      "get /_health/storage",
      "get /_storage/backend-info",
      "get /_storage/download/{*}",
      "get /_storage/list",
      "get /_storage/metadata/{*}",
      "get /files/{*}",
      "get /healthz",
      "get /readyz",
      "post /_storage/sign",
      "post /_storage/upload",
      "post /_storage/uploads",
      "post /_storage/uploads/{id}/complete",
      "put /_storage/files/{*}",
      "put /files/{*}",
    ]);
  });

  it("describes parameters, content and answers", async () => {
    const { paths } = await documentOf(options);
    const list = paths["/_storage/list"]?.get;
    expect(list?.parameters?.map(({ name, in: place }) => `${place} ${name}`).sort()).toEqual([
      "query cursor",
      "query delimiter",
      "query details",
      "query limit",
      "query prefix",
    ]);
    expect(Object.keys(list?.responses ?? {})).toEqual(["200", "4XX", "5XX"]);
    const sign = paths["/_storage/sign"]?.post?.requestBody?.content["application/json"];
    expect(sign).toMatchObject({ schema: { type: "object", required: ["key"] } });
    const upload = paths["/_storage/upload"]?.post?.requestBody?.content;
    expect(Object.keys(upload ?? {})).toEqual(["multipart/form-data"]);
  });
});
