import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Command, InvalidArgumentError } from "commander";
import { SignatureError, type SignatureScheme, standardWebhooks } from "../../webhooks/index.js";
import { say } from "../db-command.js";
import { Interrupt } from "../interrupt.js";

interface ListenOptions {
  readonly port: number;
  readonly secret?: string;
  readonly status: number;
}

const maxBytes = 2 ** 20;

/** Adds `webhooks listen`: prints what comes, until a signal ends it. */
export function registerWebhooksListen(webhooks: Command): void {
  webhooks
    .command("listen")
    .description("Print the webhooks that come to this machine, until Ctrl-C. Challenges are answered.")
    .option("--port <number>", "the port to listen on, 0 for a free one", numberIn(0, 65_535), 4400)
    .option("--secret <whsec>", "refuse with 401 what is not signed with it (Standard Webhooks)")
    .option(
      "--status <code>",
      "the answer to each message, to see how the sender takes it",
      numberIn(200, 599),
      204,
    )
    .addHelpText(
      "after",
      `
The service that sends must allow private addresses: addWebhooks(app, { allowPrivateAddresses: true }).`,
    )
    .action(listen);
}

async function listen({ port, secret, status }: ListenOptions): Promise<void> {
  const interrupt = new Interrupt();
  const scheme = secret === undefined ? undefined : standardWebhooks(secret);
  const server = createServer((request, response) => {
    take(request, response, scheme, status).catch(() => response.destroy());
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const { port: chosen } = server.address() as AddressInfo;
  say(
    `Listening on http://127.0.0.1:${chosen} ${scheme === undefined ? "(signatures are not checked)" : ""}`.trim(),
  );
  await once(interrupt.signal, "abort");
  server.closeAllConnections();
  server.close();
}

async function take(
  request: IncomingMessage,
  response: ServerResponse,
  scheme: SignatureScheme | undefined,
  status: number,
): Promise<void> {
  if (request.method !== "POST") return void response.writeHead(405, { allow: "POST" }).end();
  const body = await contentOf(request);
  if (body === undefined) return void response.writeHead(413).end();
  const refusal = await refusalOf(request, body, scheme);
  say(`${request.headers["webhook-id"] ?? "no webhook-id"} ${refusal ?? ""}`.trim());
  say(`  ${body.toString()}`);
  if (refusal !== undefined) return void response.writeHead(401).end();
  const challenge = challengeOf(body);
  if (challenge !== undefined) return void response.end(challenge);
  response.writeHead(status).end();
}

/** `undefined` for content that is too large. */
async function contentOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > maxBytes) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

async function refusalOf({ headers }: IncomingMessage, body: Buffer, scheme: SignatureScheme | undefined) {
  try {
    await scheme?.verify({ headers, body, now: Date.now() });
    return undefined;
  } catch (error) {
    if (error instanceof SignatureError) return `is refused: ${error.message}`;
    throw error;
  }
}

/** What the owner of an endpoint answers to show that it asked for webhooks. */
function challengeOf(body: Buffer): string | undefined {
  try {
    const { type, data } = Object(JSON.parse(body.toString()));
    const { challenge } = Object(data);
    return type === "webhook.challenge" && typeof challenge === "string" ? challenge : undefined;
  } catch {
    return undefined;
  }
}

function numberIn(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}`);
  };
}
