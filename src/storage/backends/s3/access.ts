import type { EncryptionHeaders } from "./headers/encryption.js";
import type { WriteMarks } from "./headers/write-mark.js";
import type { ProviderTraits } from "./providers.js";
import type { S3Client } from "./wire/client.js";

/** All that the verbs of one backend share. */
export interface S3Access {
  readonly bucket: string;
  readonly client: S3Client;
  readonly traits: ProviderTraits;
  readonly encryption: EncryptionHeaders;
  readonly marks: WriteMarks;
  /** Bytes of a part of a large object. */
  readonly partBytes: number;
  /** Largest object that is copied in one request. */
  readonly copiedAtOnceBytes: number;
  /** Bytes of a part of a larger one. */
  readonly copiedPartBytes: number;
  /** Parts of one object that are sent at once. */
  readonly partsAtOnce: number;
}
