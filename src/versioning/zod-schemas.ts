import type { FastifyInstance, FastifySchemaCompiler, RouteOptions } from "fastify";
import type { FastifySerializerCompiler } from "fastify/types/schema.js";
import type { z } from "zod";
import { ConfigurationError } from "../kernel/index.js";

/** What checks requests and writes answers by zod schemas. */
export interface ZodCompilers {
  readonly validatorCompiler: FastifySchemaCompiler<unknown>;
  readonly serializerCompiler: FastifySerializerCompiler<unknown>;
}

/** The compilers of routes whose schemas are zod schemas. */
export async function loadZodCompilers(): Promise<ZodCompilers> {
  const ofZod = await import("fastify-type-provider-zod");
  return {
    validatorCompiler: ({ schema, method, url, httpPart }) => {
      if (isZod(schema)) return ofZod.validatorCompiler({ schema, method, url });
      const message = `the schema of ${method} ${url} (${httpPart}) is no zod schema`;
      throw new ConfigurationError([{ name: "schema", message }]);
    },
    serializerCompiler: ({ schema, method, url }) =>
      isZod(schema) ? ofZod.serializerCompiler({ schema, method, url }) : JSON.stringify,
  };
}

/** Gives a route these compilers if one of its schemas is a zod schema and its scope has no compiler of its own. */
export function takeZodSchemas(scope: FastifyInstance, route: RouteOptions, compilers: ZodCompilers): void {
  const { response = {}, ...rest }: { readonly response?: unknown } = route.schema ?? {};
  if (![...Object.values(rest), ...Object.values(Object(response))].some(holdsZod)) return;
  if (scope.validatorCompiler === undefined) route.validatorCompiler ??= compilers.validatorCompiler;
  if (scope.serializerCompiler === undefined) route.serializerCompiler ??= compilers.serializerCompiler;
}

/** Whether it is a schema of zod 4. */
export function isZod(schema: unknown): schema is z.ZodType {
  return typeof schema === "object" && schema !== null && "_zod" in schema;
}

/** Whether a part holds a schema of its own, or one for a media type. */
function holdsZod(part: unknown): boolean {
  if (isZod(part)) return true;
  const { content }: { readonly content?: unknown } = Object(part);
  return Object.values(Object(content)).some((each) => isZod(Object(each).schema));
}
