import type { FastifyInstance } from "fastify";
import type { z } from "zod";
import { isZod } from "./zod-schemas.js";

/** What an OpenAPI document says of its API. */
export interface ApiInfo {
  readonly title: string;
  readonly version: string;
  readonly description?: string | undefined;
  /** Requests that the service sends to its subscribers (OpenAPI 3.1 §4.8.1), as `openApiWebhooks` makes them. */
  readonly webhooks?: Readonly<Record<string, object>> | undefined;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** The API version that a route belongs to; it is then in that version's document and in no other. */
    apiVersion?: string;
  }
}

/** What matters here of an OpenAPI document. */
interface OpenApi {
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> };
}

/** Inline styles come with the page of Swagger UI; all else is its own. */
const pagePolicy =
  "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; img-src 'self' data:; " +
  "object-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'";

/**
 * Describes the routes that are registered after it as an OpenAPI 3.1 document at `/docs/json` (and `/docs/yaml`), with
 * a page to read and try it at `/docs`.
 *
 * @param apiVersion - the version whose routes are meant; without it those that belong to none.
 */
export async function addApiDocs(app: FastifyInstance, info: ApiInfo, apiVersion?: string): Promise<void> {
  const [{ default: swagger }, { default: swaggerUi }, { jsonSchemaTransform, jsonSchemaTransformObject }] =
    await Promise.all([
      import("@fastify/swagger"),
      import("@fastify/swagger-ui"),
      import("fastify-type-provider-zod"),
    ]);
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: info.title, version: info.version, ...descriptionOf(info) },
      ...(info.webhooks === undefined ? {} : { webhooks: info.webhooks }),
    },
    stripBasePath: false,
    transform: (document) => {
      const isMeant = document.route.config?.apiVersion === apiVersion;
      if (!isMeant) return { schema: { hide: true }, url: document.url };
      const { response, ...request } = document.schema ?? {};
      const only = (schema: object) => Object(jsonSchemaTransform({ ...document, schema }).schema);
      const taken = (part: unknown) => described(part, (body) => only({ body }).body);
      const given = (part: unknown) =>
        described(part, (zod) => only({ response: { 200: zod } }).response[200]);
      const answers = response === undefined ? {} : { response: mapValues(response, given) };
      return { schema: { ...mapValues(request, taken), ...answers }, url: document.url };
    },
    transformObject: (document) => {
      const { openapiObject } = Object(document);
      try {
        return withNamedSchemas(openapiObject, Object(jsonSchemaTransformObject(document)));
      } catch (error) {
        app.log.warn({ err: error }, "the API document lacks its named schemas: two schemas may have one id");
        return openapiObject;
      }
    },
  });
  await app.register(swaggerUi, { routePrefix: "/docs", staticCSP: pagePolicy, logLevel: "warn" });
}

/**
 * Adds the named schemas (`.meta({ id })`) that a document refers to. Names are those of the whole process, so all others
 * stay out: they may belong to another version.
 */
function withNamedSchemas(document: OpenApi, all: OpenApi): object {
  const named = all.components?.schemas ?? {};
  const schemas: Record<string, unknown> = { ...document.components?.schemas };
  const addThoseOf = (part: unknown): void => {
    for (const [, name = ""] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (name in schemas || !(name in named)) continue;
      schemas[name] = named[name];
      addThoseOf(named[name]);
    }
  };
  addThoseOf(document);
  return { ...document, components: { ...document.components, schemas } };
}

/** Makes JSON Schema of zod schemas, also of those for a media type; what is JSON Schema already stays as it is. */
function described(schema: unknown, toJson: (zod: z.ZodType) => unknown): unknown {
  if (isZod(schema)) return toJson(schema);
  const { content }: { readonly content?: unknown } = Object(schema);
  if (typeof content !== "object" || content === null) return schema;
  const change = (media: unknown) => ({ ...Object(media), schema: described(Object(media).schema, toJson) });
  return { ...Object(schema), content: mapValues(content, change) };
}

function mapValues(record: unknown, change: (value: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(Object(record)).map(([name, value]) => [name, change(value)]));
}

function descriptionOf({ description }: ApiInfo): { readonly description?: string } {
  return description === undefined ? {} : { description };
}
