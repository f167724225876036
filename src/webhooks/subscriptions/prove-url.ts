import { randomBytes, timingSafeEqual } from "node:crypto";
import { HttpError } from "../../http/index.js";
import type { ForeignClient } from "../../outbound/index.js";
import { postSigned } from "../deliveries/post-signed.js";

/**
 * Sends a signed challenge to a URL; its owner answers 2xx with the challenge as the content. So a subscription cannot
 * be aimed at a service that never asked for it.
 *
 * @throws HttpError (422) that says how the endpoint answered.
 */
export async function proveUrl(
  client: ForeignClient,
  url: string,
  secrets: readonly string[],
): Promise<void> {
  const challenge = randomBytes(32).toString("base64url");
  const body = JSON.stringify({
    type: "webhook.challenge",
    timestamp: new Date().toISOString(),
    data: { challenge },
  });
  const id = `challenge_${randomBytes(16).toString("base64url")}`;
  const { status, detail } = await postSigned(client, { id, url, body, secrets });
  const isSuccess = status !== undefined && status >= 200 && status < 300;
  if (isSuccess && isEqual(detail.trim(), challenge)) return;
  const answered = status === undefined ? detail : `it answered ${status}`;
  const expected = "the endpoint must answer 2xx with the text of data.challenge as its content";
  throw new HttpError(
    422,
    "challenge_failed",
    `${expected}; ${isSuccess ? "it answered another text" : answered}`,
  );
}

function isEqual(text: string, expected: string): boolean {
  const [given, wanted] = [Buffer.from(text), Buffer.from(expected)];
  return given.byteLength === wanted.byteLength && timingSafeEqual(given, wanted);
}
