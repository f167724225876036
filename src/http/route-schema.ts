import { z } from "zod";
import { problemContentType } from "./problem.js";
import type { MediaContent, Route } from "./route.js";

/** What Fastify and OpenAPI documents are told of a route. */
export function schemaOf(spec: Route, tag: string): object {
  const { summary, wildcard, query, body, content } = spec;
  const answers = Object.entries(spec.answers).map(([status, answer]) => [status, answerSchema(answer)]);
  return {
    summary,
    tags: [tag],
    ...(wildcard === undefined ? {} : { params: describeSchema(z.object({ "*": wildcard }), "input") }),
    ...(query === undefined ? {} : { querystring: describeSchema(query, "input") }),
    ...(body === undefined ? {} : { body: describeSchema(body, "input") }),
    ...(content === undefined
      ? {}
      : { body: describeSchema(content.schema, "input"), consumes: content.types }),
    response: { ...Object.fromEntries(answers), "4xx": problemAnswer, "5xx": problemAnswer },
  };
}

function answerSchema(answer: z.ZodType | MediaContent): object {
  if (answer instanceof z.ZodType) return describeSchema(answer, "output");
  const schema = describeSchema(answer.schema, "output");
  const content = Object.fromEntries(answer.types.map((type) => [type, { schema }]));
  return { description: answer.description ?? "Content", content };
}

const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string().optional(),
  instance: z.string().optional(),
});

const problemAnswer = answerSchema({
  types: [problemContentType],
  schema: problemSchema,
  description: "Problem details (RFC 9457)",
});

/**
 * A zod schema as Fastify's `schema` takes it: JSON Schema for `@fastify/swagger` and the like, and still a zod
 * schema for `fastify-type-provider-zod`, which looks for `_zod`.
 *
 * @param io - whether it describes the request or the answer.
 */
function describeSchema(schema: z.ZodType, io: "input" | "output"): object {
  const { $schema: _, ...described } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return Object.defineProperty(described, "_zod", { value: schema._zod, enumerable: false });
}
