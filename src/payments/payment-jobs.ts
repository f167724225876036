import { z } from "zod";
import { defineJob, type JobDefinition } from "../jobs/index.js";
import { PaymentError } from "./payment-provider.js";
import type { Payments } from "./payments.js";

/** An outage of the provider lasts five minutes longer for those who paid meanwhile, at most. */
export const sweepEveryMs = 300_000;

/** About three days: the waits double from a second. The sweep shortens the longer ones. */
const attempts = { attempts: 19, backoff: { type: "exponential", delayMs: 1000, jitter: 0.5 } } as const;

/** The job that handles an event, and the one that makes up for what events did not tell. */
export function paymentJobs(payments: Pick<Payments, "synchronize" | "sweep">): {
  readonly job: JobDefinition<{ customer: string }>;
  readonly sweep: JobDefinition<Record<string, never>>;
} {
  const job = defineJob(
    "svc-infra.payment-event",
    z.object({ customer: z.string() }),
    ({ customer }) => payments.synchronize(customer),
    attempts,
  );
  const sweep = defineJob("svc-infra.payment-sweep", z.object({}), async (_payload, { log }) => {
    try {
      for (const { customer, error } of await payments.sweep())
        log.warn({ err: error, customer }, "the payment service tells nothing about this customer");
    } catch (error) {
      if (!(error instanceof PaymentError)) throw error;
      log.warn({ err: error }, "payments were not all brought up to date: the next sweep goes on");
    }
  });
  return { job, sweep };
}
