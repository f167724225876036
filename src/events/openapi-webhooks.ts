import { z } from "zod";
import type { EventDefinition } from "./define-event.js";

/**
 * The `webhooks` of an OpenAPI 3.1 document (§4.8.1): one request for each public kind of event, as subscribers get it.
 *
 * @example
 * await app.register(swagger, { openapi: { info, webhooks: openApiWebhooks(events.definitions) } });
 */
export function openApiWebhooks(definitions: readonly EventDefinition<never>[]): Record<string, object> {
  const shown = definitions.filter(({ isPublic }) => isPublic);
  return Object.fromEntries(shown.map((definition) => [definition.type, { post: operationOf(definition) }]));
}

function operationOf({ type, version, schema }: EventDefinition<never>): object {
  const message = z.object({
    type: z.literal(type),
    version: z.literal(version),
    timestamp: z.iso.datetime(),
    data: schema,
  });
  const { $schema: _, ...described } = z.toJSONSchema(message, { unrepresentable: "any" });
  // A resource of its own: references within it are from its root, and not from that of the document (JSON Schema §8.2.1).
  const $id = `urn:svc-infra:event:${type}`;
  return {
    summary: `The event ${type}, version ${version}`,
    description: "Signed as Standard Webhooks has it; the webhook-id is the id of the event.",
    requestBody: { required: true, content: { "application/json": { schema: { $id, ...described } } } },
    responses: { "2XX": { description: "The message was taken" } },
  };
}
