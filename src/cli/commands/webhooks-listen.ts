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
  readonly json?: true;
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
    .option("--json", "print a JSON object on a line for each message")
    .addHelpText(
      "after",
      `
The service that sends must allow private addresses: addWebhooks(app, { allowPrivateAddresses: true }).

Examples:
  $ svc-infra webhooks listen --secret whsec_...
  $ svc-infra webhooks listen --status 500                      to see how the sender tries again
  $ svc-infra webhooks listen --json | jq -r .body`,
    )
    .action(listen);
}

async function listen({ port, secret, status, json }: ListenOptions): Promise<void> {
  const interrupt = new Interrupt();
  const scheme = secret === undefined ? undefined : standardWebhooks(secret);
  const tell = json ? sayLine : describe;
  const server = createServer((request, response) => {
    take(request, response, { scheme, status, tell }).catch(() => response.destroy());
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const { port: chosen } = server.address() as AddressInfo;
  const note = scheme === undefined ? " (signatures are not checked)" : "";
  const isTold = json ? process.stderr : process.stdout;
  isTold.write(`Listening on http://127.0.0.1:${chosen}${note}\n`);
  await once(interrupt.signal, "abort");
  server.closeAllConnections();
  server.close();
}

/** A message that came. */
interface Message {
  readonly id: string | null;
  /** Why it was refused; `null` for one that was taken. */
  readonly refused: string | null;
  readonly body: string;
}

interface Receiver {
  readonly scheme: SignatureScheme | undefined;
  readonly status: number;
  readonly tell: (message: Message) => void;
}

function describe({ id, refused, body }: Message): void {
  say(`${id ?? "no webhook-id"} ${refused === null ? "" : `is refused: ${refused}`}`.trim());
  say(`  ${body}`);
}

function sayLine(message: Message): void {
  say(JSON.stringify(message));
}

async function take(
  request: IncomingMessage,
  response: ServerResponse,
  { scheme, status, tell }: Receiver,
): Promise<void> {
  if (request.method !== "POST") return void response.writeHead(405, { allow: "POST" }).end();
  const body = await contentOf(request);
  if (body === undefined) return void response.writeHead(413).end();
  const refusal = await refusalOf(request, body, scheme);
  const { "webhook-id": id } = request.headers;
  tell({ id: id === undefined ? null : String(id), refused: refusal ?? null, body: body.toString() });
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
    if (error instanceof SignatureError) return error.message;
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
