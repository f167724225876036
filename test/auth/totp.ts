import { createHmac } from "node:crypto";

/** A code of an authenticator app (RFC 6238), `steps` from now. */
export function codeOf(totpUri: string, steps = 0): string {
  const secret = fromBase32(new URL(totpUri).searchParams.get("secret") ?? "");
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const digest = createHmac("sha1", secret).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** The same, made when it will not have expired before it arrives. */
export async function timelyCodeOf(totpUri: string, steps = 0): Promise<string> {
  const leftMs = 30_000 - (Date.now() % 30_000);
  if (leftMs < 8_000) await new Promise((resolve) => setTimeout(resolve, leftMs));
  return codeOf(totpUri, steps);
}

function fromBase32(text: string): Buffer {
  const bits = [...text.replace(/=+$/, "").toUpperCase()]
    .map((each) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(each).toString(2).padStart(5, "0"))
    .join("");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((each) => Number.parseInt(each, 2)));
}
