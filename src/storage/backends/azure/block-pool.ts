import { Block } from "./block.js";

/** Bytes of blocks that are kept for the next content. */
const maxKeptBytes = 8_388_608;

/**
 * How content is cut, and the blocks that hold it: those that have been sent are filled again, also by the next
 * content, as large buffers that nobody needs any more are the last thing a garbage collector looks for.
 */
export class BlockPool {
  readonly blockBytes: number;
  /** Blocks of one content that are on their way at once; one more is being filled. */
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

  /** Takes a block back that nobody looks at any more, no request either. */
  give(block: Block): void {
    block.clear();
    if ((this.#free.length + 1) * this.blockBytes <= maxKeptBytes) this.#free.push(block);
  }
}
