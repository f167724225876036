import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { badRequest, problemHandler } from "../../http/index.js";
import type { Secret } from "../../kernel/index.js";
import { requireSignature, stripeSignature } from "../../webhooks/index.js";
import type { ProviderEvent } from "../received-events.js";

const stripeEvent = z.object({
  id: z.string(),
  type: z.string(),
  data: z.object({
    // Not every object has an id: a balance and an upcoming invoice have none.
    object: z.object({ id: z.string().optional(), object: z.string(), customer: z.unknown().optional() }),
  }),
});

/** Takes events of Stripe: verifies them and hands them on. Of their content only the id of the customer is used. */
export async function stripeEvents(
  scope: FastifyInstance,
  secrets: readonly Secret[],
  take: (event: ProviderEvent) => Promise<void>,
): Promise<void> {
  scope.setErrorHandler(problemHandler(true));
  scope.post(
    "/stripe",
    { preParsing: requireSignature(stripeSignature(secrets)) },
    async (request, reply) => {
      const parsed = stripeEvent.safeParse(request.body);
      if (!parsed.success) throw badRequest("this is no event of Stripe");
      const { id, type, data } = parsed.data;
      await take({ id, type, customer: customerOf(data.object) });
      return reply.code(204).send();
    },
  );
}

/** The customer that an object belongs to; a customer is an object itself. */
function customerOf({
  id,
  object,
  customer,
}: z.output<typeof stripeEvent>["data"]["object"]): string | undefined {
  if (object === "customer") return id;
  return typeof customer === "string" ? customer : undefined;
}
