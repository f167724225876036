import { randomBytes } from "node:crypto";
import { abortable, unlessAborted } from "../../contract/abortable.js";
import type { Bytes, CallOptions } from "../../contract/backend.js";
import { Cancellation } from "../../contract/cancellation.js";
import { moderatePieces, sentPieces } from "../../contract/request-body.js";
import { sendAgain } from "../../contract/send-again.js";
import type { Block } from "./block.js";
import type { BlockPool } from "./block-pool.js";
import { type AzureClient, blobOf, type OpenContainer } from "./client.js";
import { SentBody } from "./sent-body.js";
import { addressVariables } from "./translate.js";

/** All ids of one blob must have the same length. */
const scopeBytes = 20;

/** What ids of blocks that belong together begin with. */
export function newScope(): Buffer {
  return randomBytes(scopeBytes);
}

/** The ids of so many blocks, in their order. */
export function blockIds(scope: Buffer, count: number): string[] {
  return Array.from({ length: count }, (_, index) => blockId(scope, index));
}

function blockId(scope: Buffer, index: number): string {
  const id = Buffer.alloc(scopeBytes + 4);
  scope.copy(id);
  id.writeUInt32BE(index, scopeBytes);
  return id.toString("base64");
}

/** The blocks of one content while they are sent to a blob. Readers see nothing of them before they are committed. */
export class BlockUpload {
  readonly #client: AzureClient;
  readonly #name: string;
  readonly #pool: BlockPool;
  readonly #scope: Buffer;
  readonly #onProgress: (() => void) | undefined;
  readonly #cancellation: Cancellation;
  readonly #onTheirWay = new Set<Promise<void>>();
  #count = 0;

  constructor(
    client: AzureClient,
    name: string,
    options: CallOptions & { readonly pool: BlockPool; readonly scope: Buffer },
  ) {
    this.#client = client;
    this.#name = name;
    this.#pool = options.pool;
    this.#scope = options.scope;
    this.#onProgress = options.onProgress;
    this.#cancellation = new Cancellation(options.signal);
  }

  /** Blocks that were sent. */
  get count(): number {
    return this.#count;
  }

  /**
   * Sends all but the last block of a content, and gives that one back; it is the only one when none was sent. A block
   * that fails ends it at once, also while it waits for the source.
   */
  async sendAllButLast(source: Bytes): Promise<Block> {
    let block = this.#pool.take();
    for await (const piece of abortable(source, this.#cancellation.signal)) {
      for (let at = 0; at < piece.byteLength; ) {
        if (block.isFull) {
          await this.send(block);
          block = this.#pool.take();
        }
        at += block.append(at === 0 ? piece : piece.subarray(at));
      }
    }
    return block;
  }

  /** Begins to send a block once fewer are being sent than may be at once. */
  async send(block: Block): Promise<void> {
    if (this.#onTheirWay.size >= this.#pool.blocksAtOnce) await this.#wait(Promise.race(this.#onTheirWay));
    const sending: Promise<void> = this.#stage(block, this.#count++).then(() => {
      this.#onTheirWay.delete(sending);
    });
    this.#onTheirWay.add(sending);
    sending.catch((error: unknown) => this.#cancellation.cancel(error));
  }

  /** Waits until all blocks have arrived; their ids. */
  async arrived(): Promise<string[]> {
    await this.#wait(Promise.all(this.#onTheirWay));
    this.#cancellation.end();
    return blockIds(this.#scope, this.#count);
  }

  /** Stops the requests that have not been answered. */
  cancel(): void {
    this.#cancellation.cancel(new Error("the content is not complete"));
  }

  #wait(promise: Promise<unknown>): Promise<unknown> {
    return unlessAborted(() => promise, this.#cancellation.signal);
  }

  /** A block that comes again takes the place of the first one. */
  async #stage(block: Block, index: number): Promise<void> {
    const onProgress = this.#onProgress;
    const { signal } = this.#cancellation;
    const bodies: SentBody[] = [];
    const stage = async (container: OpenContainer, abortSignal: AbortSignal) => {
      const content = () => {
        const body = new SentBody(sentPieces(moderatePieces([block.bytes]), { onProgress }));
        bodies.push(body);
        return body;
      };
      await blobOf(container, this.#name).stageBlock(blockId(this.#scope, index), content, block.length, {
        abortSignal,
      });
    };
    await sendAgain(() => this.#client.send(signal, stage), { signal, addressVariables });
    onProgress?.();
    if (bodies.every(({ isSent }) => isSent)) this.#pool.give(block);
  }
}
