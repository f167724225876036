import { Block } from "./block.js";

/** Bytes of blocks that are kept for the next content. */
const maxKeptBytes = 8_388_608;

/**
 * How content is cut, and the blocks that hold it: a block that has been sent is filled again, also with the next
 * content, since a garbage collector frees large buffers late.
 */
export class BlockPool {
  readonly blockBytes: number;
  /** Blocks of one content that are sent at once, while one more is filled. */
  readonly blocksAtOnce: number;
  readonly #free: Block[] = [];

  constructor(options: { readonly blockBytes: number; readonly blocksAtOnce: number }) {
    this.blockBytes = options.blockBytes;
    this.blocksAtOnce = options.blocksAtOnce;
  }

  /** An empty block. */
  take(): Block {
    return this.#free.pop() ?? new Block(this.blockBytes);
  }

  /** Takes a block back that neither a caller nor a request reads any more. */
  give(block: Block): void {
    block.clear();
    if ((this.#free.length + 1) * this.blockBytes <= maxKeptBytes) this.#free.push(block);
  }
}
