import { createHash } from "node:crypto";
import {
  checkSecrets,
  checkTimestamp,
  digestFromHex,
  fieldOf,
  hmacSha256,
  includesDigest,
  secretsOf,
} from "./hmac.js";
import { type SecretSource, SignatureError, type SignatureScheme } from "./scheme.js";
import { type ToleranceOptions, toleranceOf } from "./standard.js";

type SignedParts = readonly (string | Uint8Array)[];

/** Requests of Stripe: `Stripe-Signature` with `t` and one `v1` for each secret. @see https://docs.stripe.com/webhooks */
export function stripeSignature(secrets: SecretSource, options: ToleranceOptions = {}): SignatureScheme {
  const toleranceSeconds = toleranceOf(options);
  checkSecrets("stripeSignature", secrets);
  return {
    name: "stripe",
    toleranceSeconds,
    fields: ["stripe-signature"],
    async verify({ headers, body, now }) {
      const items = fieldOf(headers, "stripe-signature").split(",").map(toPair);
      const [timestamp, another] = valuesOf(items, "t");
      if (timestamp === undefined || another !== undefined)
        throw new SignatureError("there must be one timestamp");
      const sentAt = checkTimestamp(timestamp, now, toleranceSeconds);
      const candidates = valuesOf(items, "v1");
      const parts = [`${timestamp}.`, body];
      await verify(candidates, secrets, parts);
      return { id: idOf(parts), sentAt };
    },
  };
}

/** Requests of Slack: `X-Slack-Signature` over `v0:timestamp:body`. @see https://api.slack.com/authentication/verifying-requests-from-slack */
export function slackSignature(secrets: SecretSource, options: ToleranceOptions = {}): SignatureScheme {
  const toleranceSeconds = toleranceOf(options);
  checkSecrets("slackSignature", secrets);
  return {
    name: "slack",
    toleranceSeconds,
    fields: ["x-slack-signature", "x-slack-request-timestamp"],
    async verify({ headers, body, now }) {
      const timestamp = fieldOf(headers, "x-slack-request-timestamp");
      const sentAt = checkTimestamp(timestamp, now, toleranceSeconds);
      const hex = withoutPrefix(fieldOf(headers, "x-slack-signature"), "v0=");
      const parts = [`v0:${timestamp}:`, body];
      await verify([hex], secrets, parts);
      return { id: idOf(parts), sentAt };
    },
  };
}

/**
 * Requests of GitHub: `X-Hub-Signature-256` over the body. It signs no time, so an old request verifies for ever;
 * duplicates are told by `X-GitHub-Delivery`, which is not signed.
 *
 * @see https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
 */
export function githubSignature(secrets: SecretSource): SignatureScheme {
  checkSecrets("githubSignature", secrets);
  return {
    name: "github",
    fields: ["x-hub-signature-256", "x-github-delivery"],
    async verify({ headers, body }) {
      const hex = withoutPrefix(fieldOf(headers, "x-hub-signature-256"), "sha256=");
      await verify([hex], secrets, [body]);
      return { id: fieldOf(headers, "x-github-delivery"), sentAt: undefined };
    },
  };
}

/** The plain form that many services have: `X-Webhook-Signature: sha256=` over the body. It signs no time and no id. */
export function plainSignature(secrets: SecretSource, field = "x-webhook-signature"): SignatureScheme {
  checkSecrets("plainSignature", secrets);
  const name = field.toLowerCase();
  return {
    name: "plain",
    fields: [name],
    async verify({ headers, body }) {
      const hex = withoutPrefix(fieldOf(headers, name), "sha256=");
      await verify([hex], secrets, [body]);
      return { id: undefined, sentAt: undefined };
    },
  };
}

/**
 * Names a message by what is signed of it. The signature would name it twice while secrets are rotated: with two of them
 * in one request, a replay that leaves the first one out would be another message.
 */
function idOf(parts: SignedParts): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** @throws SignatureError when no digest was made with one of the secrets. */
async function verify(
  hexDigests: readonly string[],
  secrets: SecretSource,
  parts: SignedParts,
): Promise<void> {
  const candidates = hexDigests.map(digestFromHex).filter((each) => each !== undefined);
  for (const secret of await secretsOf(secrets)) {
    if (includesDigest(candidates, hmacSha256(secret, parts))) return;
  }
  throw new SignatureError("no signature was made with a secret that is known here");
}

function toPair(item: string): readonly [string, string] {
  const [, name, value] = /^([a-z0-9]+)=([^\s=]+)$/.exec(item) ?? [];
  if (name === undefined || value === undefined) throw new SignatureError("an item is not NAME=VALUE");
  return [name, value];
}

function valuesOf(items: readonly (readonly [string, string])[], name: string): string[] {
  return items.filter(([each]) => each === name).map(([, value]) => value);
}

function withoutPrefix(value: string, prefix: string): string {
  if (!value.startsWith(prefix)) throw new SignatureError(`the signature does not begin with ${prefix}`);
  return value.slice(prefix.length);
}
