import { z } from "zod";
import { type AnyApp, fastifyOf } from "../http/index.js";
import { defineJob, FinalJobFailure, getJobs, type JobDefinition } from "../jobs/index.js";
import { MailError } from "./mail-error.js";
import { getMail } from "./plugin.js";
import type { SendableMail } from "./transport.js";

const mailSchema = z.object({
  to: z.union([z.string(), z.array(z.string())]),
  from: z.string(),
  replyTo: z.string().optional(),
  subject: z.string(),
  text: z.string(),
  html: z.string().optional(),
});

/** A mail that was refused for good is not tried again; its job is dead. */
function endIfFinal(error: unknown): never {
  if (!(error instanceof MailError) || error.isTemporary) throw error;
  throw new FinalJobFailure(error.message, { cause: error });
}

/** A server may be away for a day: the waits double from five seconds. */
const attempts = { attempts: 15, backoff: { type: "exponential", delayMs: 5000, jitter: 0.5 } } as const;

/**
 * Lets jobs send the mail of an app: `app.mail.send` then resolves when the mail is kept, and a dead server delays it. With
 * a database the mail is a row of the outbox first, so that it outlives the process on every driver.
 *
 * @returns the jobs that send; give them to `addJobs`.
 * @example
 * await addMail(app);
 * await addJobs(app, { jobs: [...mailJobs(app)] });
 */
export function mailJobs(app: AnyApp): readonly JobDefinition<never>[] {
  const fastify = fastifyOf(app);
  const mail = getMail(fastify);
  const job = defineJob(
    "svc-infra.mail",
    mailSchema,
    (message) => mail.deliver(message as SendableMail).catch(endIfFinal),
    attempts,
  );
  mail.useQueue(async (message) => {
    const { queue } = getJobs(fastify);
    const payload = { ...message, to: typeof message.to === "string" ? message.to : [...message.to] };
    if (fastify.hasDecorator("sql")) await queue.enqueueIn(fastify.db, job, payload);
    else await queue.enqueue(job, payload);
  });
  return [job];
}
