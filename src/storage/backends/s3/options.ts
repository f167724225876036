import { StorageConfigurationError } from "../../contract/error.js";
import { isProtected } from "../../contract/protected-address.js";
import { defaultIdleMs } from "../../contract/response-body.js";
import type { S3Access } from "./access.js";
import { credentialChain } from "./credentials/credential-chain.js";
import {
  type CredentialSource,
  type S3CredentialProvider,
  StaticCredentials,
} from "./credentials/credentials.js";
import { RenewedCredentials } from "./credentials/renewed-credentials.js";
import { encryptionHeaders, type S3Encryption } from "./headers/encryption.js";
import { WriteMarks } from "./headers/write-mark.js";
import { maxAtOnceBytes } from "./limits.js";
import { detectProvider, providerTraits, type S3Provider } from "./providers.js";
import { S3Client } from "./wire/client.js";
import { BucketLocation } from "./wire/location.js";
import { SigningClock } from "./wire/signing-time.js";

/** Options of `S3Backend`. */
export interface S3BackendOptions {
  /** Name of the bucket; it must exist. */
  readonly bucket: string;
  /** `us-east-1` by default. */
  readonly region?: string | undefined;
  /** Server of another service than AWS. */
  readonly endpoint?: string | undefined;
  /** Which service it is; by default what the endpoint's host tells. */
  readonly provider?: S3Provider | undefined;
  /** Id of the access key, with `secretKey`. Default, without both: `credentials`. */
  readonly accessKey?: string | undefined;
  /** Secret of the access key. It signs, and is never sent. */
  readonly secretKey?: string | undefined;
  /** What temporary keys need besides. */
  readonly sessionToken?: string | undefined;
  /** Gives keys when none are given; by default the chain of `@aws-sdk/credential-providers`. */
  readonly credentials?: S3CredentialProvider | undefined;
  /** Whether the bucket is in the path of URLs or in their host. Default: as the service wants it. */
  readonly addressing?: "path" | "host" | undefined;
  /** How the service encrypts what it keeps. Default: as the bucket is set up. */
  readonly encryption?: S3Encryption | undefined;
  /** Whether content is hashed and the hash is signed; by default where neither TLS nor a private network protects it. Content that streams in one request is not hashed. */
  readonly signPayload?: boolean | undefined;
  /** Bytes of a part of a large object, 5 MiB to 5 GiB; 8 MiB by default. */
  readonly partBytes?: number | undefined;
  /** Parts of one object that are sent at once, while one more is filled. Default: 2. */
  readonly partsAtOnce?: number | undefined;
  /** Most connections; 64 by default. */
  readonly maxConnections?: number | undefined;
  /** Milliseconds that a reader may let the service wait before the connection is given up; 10,000 by default. */
  readonly idleBodyMs?: number | undefined;
  /** Milliseconds since the epoch; for tests. */
  readonly now?: (() => number) | undefined;
}

/** The service copies parts itself, so that they cost no memory here. */
const copiedPartBytes = 536_870_912;

const defaultRegion = "us-east-1";

/** Makes all that the verbs share; reaches nothing. */
export function openAccess(options: S3BackendOptions): S3Access {
  const { bucket, now = Date.now, partBytes = 8_388_608, partsAtOnce = 2 } = options;
  const endpoint = options.endpoint === undefined ? undefined : parseEndpoint(options.endpoint);
  const traits = providerTraits[options.provider ?? detectProvider(endpoint)];
  const { region = defaultRegion, addressing = traits.pathStyle ? "path" : "host" } = options;
  const client = new S3Client({
    location: new BucketLocation({ bucket, region, endpoint, pathStyle: addressing === "path" }),
    credentials: credentialsOf(options),
    clock: new SigningClock(now),
    signsPayloads: options.signPayload ?? !(endpoint === undefined || isPrivateOrTls(endpoint)),
    maxConnections: options.maxConnections ?? 64,
    idleMs: options.idleBodyMs ?? defaultIdleMs,
  });
  if (options.encryption?.type === "sse-c" && endpoint !== undefined && !isProtected(endpoint)) {
    const message =
      "with sse-c STORAGE_S3_ENDPOINT must be an https URL, since the key is sent with each request";
    throw new StorageConfigurationError({ message });
  }
  const encryption = encryptionHeaders(options.encryption);
  return {
    bucket,
    client,
    traits,
    encryption,
    marks: new WriteMarks(now),
    partBytes,
    partsAtOnce,
    // A copy in parts shows that it goes on, but not every service joins parts under a condition, and Ceph copies at once by reference.
    copiedAtOnceBytes: traits.conditionalComplete ? copiedPartBytes : maxAtOnceBytes,
    copiedPartBytes,
  };
}

function parseEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "https:" || url?.protocol === "http:") return url;
  throw new StorageConfigurationError({ message: "STORAGE_S3_ENDPOINT must be an http or https URL" });
}

function credentialsOf(options: S3BackendOptions): CredentialSource {
  const { accessKey, secretKey, sessionToken, region = defaultRegion, now = Date.now } = options;
  if (accessKey !== undefined && secretKey !== undefined) {
    return new StaticCredentials({ accessKeyId: accessKey, secretAccessKey: secretKey, sessionToken });
  }
  if (accessKey === undefined && secretKey === undefined) {
    return new RenewedCredentials(options.credentials ?? credentialChain(region), now);
  }
  const names = ["STORAGE_S3_ACCESS_KEY", "STORAGE_S3_SECRET_KEY"];
  const [missing, given] = accessKey === undefined ? names : names.reverse();
  throw new StorageConfigurationError({ message: `${missing} is not set, and ${given} needs it` });
}

const privateHost =
  /^(?:localhost|.*\.localhost|127\..*|10\..*|192\.168\..*|172\.(?:1[6-9]|2\d|3[01])\..*|\[::1\])$/;

/** Whether content is safe from changes on the network. */
function isPrivateOrTls({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || privateHost.test(hostname);
}
