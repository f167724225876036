import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import { encodeText } from "./uri.js";

/** The key that signs for one day, one region and one secret, and the scope that it is good for. */
export interface SigningKey {
  readonly key: KeyObject;
  /** `20240131/us-east-1/s3/aws4_request`. */
  readonly scope: string;
  /** The scope as it stands in a query, with the slash before it. */
  readonly queryScope: string;
}

/** Derives signing keys (AWS Signature Version 4) and keeps the last one: it changes once a day. */
export class SigningKeys {
  #secret = "";
  #day = "";
  #region = "";
  #last: SigningKey | undefined;

  get(secret: string, day: string, region: string): SigningKey {
    const isSame = this.#day === day && this.#region === region && this.#secret === secret;
    if (this.#last !== undefined && isSame) return this.#last;
    this.#last = deriveSigningKey(secret, day, region);
    [this.#secret, this.#day, this.#region] = [secret, day, region];
    return this.#last;
  }
}

function deriveSigningKey(secret: string, day: string, region: string): SigningKey {
  const steps = [day, region, "s3", "aws4_request"];
  const bytes = steps.reduce<Buffer>(
    (key, text) => createHmac("sha256", key).update(text).digest(),
    Buffer.from(`AWS4${secret}`),
  );
  const scope = steps.join("/");
  return { key: createSecretKey(bytes), scope, queryScope: encodeText(`/${scope}`) };
}
