import { randomUUID } from "node:crypto";
import { type Command, InvalidArgumentError } from "commander";
import { ForeignClient } from "../../outbound/index.js";
import { postSigned } from "../../webhooks/deliveries/post-signed.js";
import { signStandard } from "../../webhooks/index.js";
import { jsonOption, say, sayJson } from "../db-command.js";

interface SendOptions {
  readonly secret: string;
  readonly type: string;
  readonly data: unknown;
  readonly id: string;
  readonly json?: true;
}

/** Adds `webhooks send`: one signed message, to try a receiver. */
export function registerWebhooksSend(webhooks: Command): void {
  webhooks
    .command("send")
    .description(
      "Send one message, signed by Standard Webhooks, and print the answer; ends with 1 unless it is 2xx.",
    )
    .argument("<url>", "the receiver; also one of this machine")
    .requiredOption("--secret <whsec>", "the secret that the receiver knows", parseSecret)
    .option("--type <type>", "type of the event", "webhook.test")
    .option("--data <json>", "data of the event", parseJson, {})
    .option("--id <id>", "webhook-id; send one twice to try duplicates", `evt_${randomUUID()}`)
    .option(...jsonOption)
    .addHelpText(
      "after",
      `
The message is what a subscriber of a service of this kit gets: type, timestamp and data, with the headers webhook-id,
webhook-timestamp and webhook-signature.

Examples:
  $ svc-infra webhooks send http://localhost:3000/hooks --secret whsec_...
  $ svc-infra webhooks send https://shop.example.com/hooks --secret whsec_... --type order.paid --data '{"id":"7"}'
  $ svc-infra webhooks send http://localhost:3000/hooks --secret whsec_... --id evt_1 --json

Exit codes: 0 the answer was 2xx; 1 it was another, or there was none.`,
    )
    .action(send);
}

async function send(target: string, { secret, type, data, id, json }: SendOptions): Promise<void> {
  const url = URL.canParse(target) ? new URL(target) : undefined;
  const port = Number(url?.port || (url?.protocol === "https:" ? 443 : 80));
  const client = new ForeignClient({ allowHttp: true, allowPrivateAddresses: true, ports: [port] });
  const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data });
  const { status, detail, milliseconds } = await postSigned(client, {
    id,
    url: target,
    body,
    secrets: [secret],
  });
  if (json) sayJson({ id, status: status ?? null, ms: milliseconds, detail });
  else say(`${id} ${status ?? "no answer"} in ${milliseconds} ms${detail === "" ? "" : `: ${detail}`}`);
  if (status === undefined || status < 200 || status > 299) process.exitCode = 1;
}

function parseSecret(text: string): string {
  try {
    signStandard({ id: "a", sentAt: new Date(), body: "" }, [text]);
    return text;
  } catch {
    throw new InvalidArgumentError("expected whsec_ and the base64 of 24 to 64 bytes");
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError("expected JSON");
  }
}
