import type { Command } from "commander";
import { registerWebhooksListen } from "./webhooks-listen.js";
import { registerWebhooksSend } from "./webhooks-send.js";

/** Adds `webhooks`: a receiver and a sender for development. */
export function registerWebhooks(program: Command): void {
  const webhooks = program
    .command("webhooks")
    .description("Receive and send signed webhooks while you develop.")
    .addHelpText(
      "after",
      `
Examples:
  $ svc-infra webhooks listen --port 4400
  $ svc-infra webhooks send http://localhost:4400 --secret whsec_...`,
    );
  registerWebhooksListen(webhooks);
  registerWebhooksSend(webhooks);
}
