import type { Command } from "commander";
import { registerWebhooksListen } from "./webhooks-listen.js";
import { registerWebhooksSend } from "./webhooks-send.js";

/** Adds `webhooks`: a receiver and a sender for development. */
export function registerWebhooks(program: Command): void {
  const webhooks = program
    .command("webhooks")
    .description("Receive and send signed webhooks while you develop.");
  registerWebhooksListen(webhooks);
  registerWebhooksSend(webhooks);
}
