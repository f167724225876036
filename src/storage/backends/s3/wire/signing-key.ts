import { createHmac } from "node:crypto";
import { encodeText } from "../../../contract/percent-encoding.js";
import type { S3Credentials } from "../credentials/credentials.js";
import { HmacKey } from "./hmac-key.js";

/** The key that signs for one day, one region and one secret, and the scope that it is good for. */
export interface SigningKey {
  readonly key: HmacKey;
  /** `20240131/us-east-1/s3/aws4_request`. */
  readonly scope: string;
  /** Who signs for what: the access key and the scope. */
  readonly credential: string;
  /** The same as it stands in a query. */
  readonly queryCredential: string;
}

/** Derives signing keys (AWS Signature Version 4) and keeps the last one: it changes once a day. */
export class SigningKeys {
  #accessKeyId = "";
  #secret = "";
  #day = "";
  #region = "";
  #last: SigningKey | undefined;

  get({ accessKeyId, secretAccessKey: secret }: S3Credentials, day: string, region: string): SigningKey {
    const isSameScope = this.#day === day && this.#region === region;
    const isSame = isSameScope && this.#secret === secret && this.#accessKeyId === accessKeyId;
    if (this.#last !== undefined && isSame) return this.#last;
    this.#last = deriveSigningKey(accessKeyId, secret, day, region);
    [this.#accessKeyId, this.#secret, this.#day, this.#region] = [accessKeyId, secret, day, region];
    return this.#last;
  }
}

function deriveSigningKey(accessKeyId: string, secret: string, day: string, region: string): SigningKey {
  const steps = [day, region, "s3", "aws4_request"];
  const bytes = steps.reduce<Buffer>(
    (key, text) => createHmac("sha256", key).update(text).digest(),
    Buffer.from(`AWS4${secret}`),
  );
  const scope = steps.join("/");
  const credential = `${accessKeyId}/${scope}`;
  return { key: new HmacKey(bytes), scope, credential, queryCredential: encodeText(credential) };
}
