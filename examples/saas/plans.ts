import type { ServiceApp } from "svc-infra";
import { requireRole } from "svc-infra/auth";
import { requireTenant } from "svc-infra/tenancy";
import { z } from "zod";

/** Prices of the plans that are paid, as Stripe names them. */
export const prices = { pro: "price_pro" };

/** How large a document may be. */
const maxBytes = { free: 1_000_000, pro: 20_000_000 };

/** What a tenant may store, by what it has paid. */
export async function planOf(app: ServiceApp, tenant: string) {
  const plan = (await app.payments.isEntitled(tenant, "pro")) ? "pro" : "free";
  return { plan, maxBytes: maxBytes[plan] } as const;
}

/** The way to Stripe: the page goes where the answer says, and comes back when the plan is paid. */
export function planRoutes(app: ServiceApp): void {
  const schema = { body: z.object({ attempt: z.uuid() }), response: { 200: z.object({ url: z.url() }) } };
  app.post("/upgrade", { schema, preHandler: requireRole("owner") }, async (request) => {
    const { origin } = app.authUsers.config;
    return app.payments.checkout(await requireTenant(request), {
      plan: "pro",
      successUrl: origin,
      cancelUrl: origin,
      // A second click leads to the same checkout, and who has the plan gets no second one.
      idempotencyKey: request.body.attempt,
    });
  });
}
