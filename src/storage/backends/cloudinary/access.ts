import type { CursorSeal } from "../../contract/cursor-seal.js";
import type { CloudinaryClient } from "./client.js";
import type { Delivery } from "./delivery.js";
import type { PublicIds } from "./public-id.js";

/** All that the verbs of one backend share. */
export interface CloudinaryAccess {
  readonly client: CloudinaryClient;
  readonly ids: PublicIds;
  /** Seals the cursors of listings. */
  readonly seal: CursorSeal;
  readonly delivery: Delivery;
  /** Bytes of a chunk of a large upload. */
  readonly chunkBytes: number;
  /** Milliseconds that a reader may let the service wait. */
  readonly idleMs: number;
}
