import { checkGivenOptions, type OptionRules, Secret } from "../../kernel/index.js";
import { checkSecrets, checkTimestamp, fieldOf, hmacSha256, includesDigest, secretsOf } from "./hmac.js";
import { type SecretSource, SignatureError, type SignatureScheme } from "./scheme.js";

/** Options of schemes that sign a timestamp. */
export interface ToleranceOptions {
  /** Seconds that the timestamp may differ from the receiver's clock, in both directions: 1 to 86,400. Default: 300. */
  readonly toleranceSeconds?: number;
}

const rules: OptionRules<ToleranceOptions> = {
  call: "a signature scheme",
  kinds: { toleranceSeconds: "number" },
  ranges: { toleranceSeconds: [1, 86_400] },
  instead: { tolerance: "toleranceSeconds" },
};

/** Seconds that a timestamp may be off. @throws ConfigurationError for an unknown option or a wrong value. */
export function toleranceOf(options: ToleranceOptions): number {
  checkGivenOptions(options, rules);
  return options.toleranceSeconds ?? 300;
}

const fields = ["webhook-id", "webhook-timestamp", "webhook-signature"] as const;

/**
 * Standard Webhooks: HMAC-SHA256 of `id.timestamp.body` in `webhook-signature`.
 *
 * @param secrets - `whsec_` and the base64 of 24 to 64 bytes, each.
 * @throws ConfigurationError for secrets of another form; those that a function returns are checked at each request.
 * @see https://www.standardwebhooks.com
 */
export function standardWebhooks(secrets: SecretSource, options: ToleranceOptions = {}): SignatureScheme {
  const toleranceSeconds = toleranceOf(options);
  checkSecrets("standardWebhooks", secrets, (secret) => void keyOf(secret));
  return {
    name: "standard-webhooks",
    fields,
    toleranceSeconds,
    async verify({ headers, body, now }) {
      const [id, timestamp, signatures] = fields.map((name) => fieldOf(headers, name)) as [
        string,
        string,
        string,
      ];
      if (id.includes(".")) throw new SignatureError("the id holds a dot");
      const sentAt = checkTimestamp(timestamp, now, toleranceSeconds);
      const candidates = signatures.split(" ").flatMap(digestOf);
      for (const secret of await secretsOf(secrets)) {
        const digest = hmacSha256(keyOf(secret), [`${id}.${timestamp}.`, body]);
        if (includesDigest(candidates, digest)) return { id, sentAt };
      }
      throw new SignatureError("no signature was made with a secret that is known here");
    },
  };
}

/** A message to be signed by {@link signStandard}. */
export interface SignableMessage {
  /** The same at each delivery; holds no dot. */
  readonly id: string;
  readonly sentAt: Date;
  readonly body: string | Uint8Array;
}

/**
 * The header fields of a signed message, with one signature for each secret.
 *
 * @param secrets - `whsec_` and base64; two while one replaces the other.
 * @throws TypeError for an id with a dot, or a secret of another form.
 */
export function signStandard(
  { id, sentAt, body }: SignableMessage,
  secrets: readonly (string | Secret)[],
): Record<(typeof fields)[number], string> {
  if (id === "" || id.includes(".")) throw new TypeError("the id of a webhook must hold text without a dot");
  const timestamp = String(Math.floor(sentAt.getTime() / 1000));
  const signatures = secrets.map((secret) => {
    const text = secret instanceof Secret ? secret.reveal() : secret;
    return `v1,${hmacSha256(keyOf(text), [`${id}.${timestamp}.`, body]).toString("base64")}`;
  });
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures.join(" "),
  };
}

/**
 * Signatures of other versions, and of other lengths, are passed over, as the specification has it. The last of 43
 * characters has two spare bits: only the spelling that a sender writes counts.
 */
function digestOf(signature: string): readonly Buffer[] {
  const [, base64] = /^v1,([A-Za-z0-9+/]{43}=)$/.exec(signature) ?? [];
  const digest = Buffer.from(base64 ?? "", "base64");
  return digest.toString("base64") === base64 ? [digest] : [];
}

function keyOf(secret: string): Buffer {
  const [, base64] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? [];
  const key = Buffer.from(base64 ?? "", "base64");
  if (key.byteLength >= 24 && key.byteLength <= 64) return key;
  throw new TypeError("a secret of Standard Webhooks is 'whsec_' and the base64 of 24 to 64 bytes");
}
