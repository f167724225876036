import type { FastifyInstance } from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import type { z } from "zod";
import { ConfigurationError } from "../kernel/index.js";

/** Schemas of routes are zod schemas: they check requests, type the handler, and describe the route in `/docs`. */
export function takeZodSchemas(app: FastifyInstance): void {
  app.setValidatorCompiler(({ schema, method, url, httpPart }) => {
    if (isZod(schema)) return validatorCompiler({ schema, method, url });
    const message = `the schema of ${method} ${url} (${httpPart}) is no zod schema`;
    throw new ConfigurationError([{ name: "schema", message }]);
  });
  app.setSerializerCompiler(({ schema, method, url }) =>
    isZod(schema) ? serializerCompiler({ schema, method, url }) : JSON.stringify,
  );
}

function isZod(schema: unknown): schema is z.ZodType {
  return typeof schema === "object" && schema !== null && "_zod" in schema;
}
