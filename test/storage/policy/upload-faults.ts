import { createHash } from "node:crypto";
import { infectedMarker } from "../../rigs/clamd.js";

/** The smallest picture. */
export const gif = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");

/** One upload, with what may be wrong of it. */
export interface Given {
  readonly key?: string;
  readonly content?: Buffer;
  readonly contentType?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Base64 of the SHA-256 that is stated. */
  readonly digest?: string;
  /** Whether the message does not say how long it is. */
  readonly isChunked?: boolean;
  /** Bytes that are announced; as many as there are, unless it is said. */
  readonly size?: number;
}

const infected = Buffer.concat([gif, Buffer.from(infectedMarker)]);
export const wrongDigest = createHash("sha256").update("other").digest("base64");

/** States of the service in which it takes nothing, or nothing more after a first file. */
export type ServiceState = "scanner down" | "out of requests" | "out of bytes";

/** What may be wrong of an upload, and what its sender is told of it by every way in. */
export interface Fault {
  readonly given: Given;
  readonly code: string | ((way: string) => string);
  /** What the service is in already. */
  readonly state?: ServiceState;
  /** The ways of which it cannot be wrong. */
  readonly except?: RegExp;
  /** All keys that there are afterwards, but for the source of a copy. */
  readonly left?: readonly string[];
}

const isCopy = (way: string) => /copy|move/.test(way);

/** Every fault of the table, for every way in. */
export const faults: Readonly<Record<string, Fault>> = {
  "what is too large": { given: { content: Buffer.concat([gif, Buffer.alloc(2000)]) }, code: "too_large" },
  "what is of a wrong type": {
    given: { content: Buffer.from("%PDF-1.7"), contentType: "application/pdf" },
    code: "unsupported_type",
  },
  "what is of a lying type": { given: { content: Buffer.from("<html>") }, code: "unsupported_type" },
  "what is of a lying type by another name of one that is allowed": {
    given: { content: Buffer.from("alert(1)"), contentType: "image/jpg" },
    code: "unsupported_type",
  },
  "what is infected": { given: { content: infected }, code: "infected" },
  "what is of another digest": {
    given: { digest: wrongDigest },
    // No client has said it: the object itself is damaged.
    code: (way) => (isCopy(way) ? "corrupt" : "checksum_mismatch"),
  },
  "what is of another length than it says": {
    given: { size: gif.byteLength + 1 },
    code: "invalid_argument",
    // A copy says none; HTTP says it in the framing of a message, which is cut then.
    except: /copy|move|PUT|upload$|bare content|receiveUpload|putFromUrl/,
  },
  "what is longer than it says": {
    given: { content: Buffer.concat([gif, Buffer.alloc(100)]), size: gif.byteLength },
    // The file route takes no more bytes than were announced.
    code: (way) => (/uploads$/.test(way) ? "too_large" : "invalid_argument"),
    except: /copy|move|PUT|upload$|bare content|receiveUpload|putFromUrl/,
  },
  "hostile metadata": {
    given: { metadata: { b: "1" } },
    code: "invalid_argument",
    // Such a URL takes none.
    except: /PUT \/files/,
  },
  "a hostile key": { given: { key: "a/../k" }, code: "invalid_key" },
  "a reserved key": { given: { key: ".svc-infra/k" }, code: "invalid_key" },
  "the key of another tenant": { given: { key: "../other/k" }, code: "invalid_key" },
  "a key of its own that is spelled as that of another tenant": {
    given: { key: "other/k" },
    code: "stored",
    left: ["acme/other/k"],
  },
  "everything while the scanner is down": {
    given: {},
    code: "unavailable",
    state: "scanner down",
  },
  "what is over the rate of requests": {
    given: {},
    code: "rate_limited",
    state: "out of requests",
    // A call of a method is made by nobody whose requests could be counted.
    except: /^(?!POST|PUT|receiveUpload)/,
    left: ["acme/first"],
  },
  "what is over the rate of bytes": {
    given: {},
    code: "rate_limited",
    state: "out of bytes",
    except: /^(?!POST|PUT|receiveUpload)/,
    left: ["acme/first"],
  },
  "content of no declared length that is over the rate of bytes": {
    given: { isChunked: true },
    code: "rate_limited",
    state: "out of bytes",
    // An upload that is prepared tells its size.
    except: /^(?!POST|PUT|receiveUpload)|POST .*uploads/,
    left: ["acme/first"],
  },
};

/** By code, what a refusal over HTTP is answered with. */
const statuses: Readonly<Record<string, number>> = {
  invalid_argument: 400,
  invalid_key: 400,
  checksum_mismatch: 400,
  too_large: 413,
  unsupported_type: 415,
  infected: 422,
  rate_limited: 429,
  unavailable: 503,
};

/** What the sender is told: `stored`, or the code, behind the status where it comes over HTTP. */
export function expectedOf({ code }: Fault, way: string): string {
  const told = typeof code === "string" ? code : code(way);
  const isHttp = /^(?:POST|PUT|receiveUpload)/.test(way);
  return isHttp && told !== "stored" ? `${statuses[told]} ${told}` : told;
}

/** The way of which a real service is needed, and by backend the file that sends every fault of the table through it. */
export const wayInParts = "POST /_storage/uploads in parts";
export const filesOfWayInParts: Readonly<Record<string, string>> = {
  s3: "ways-in-parts-ceph.test.ts",
  azure: "ways-in-parts-azure.test.ts",
};
