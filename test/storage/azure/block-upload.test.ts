import { once } from "node:events";
import { Writable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { BlockPool } from "#dist/storage/backends/azure/block-pool.js";
import { BlockUpload, newScope } from "#dist/storage/backends/azure/block-upload.js";
import type { AzureClient } from "#dist/storage/backends/azure/client.js";
import { SentBody } from "#dist/storage/backends/azure/sent-body.js";

/** A request that takes all it is given, and has it sent when it is told to. */
class HeldRequest extends Writable {
  #sent: () => void = () => undefined;

  constructor() {
    super({ highWaterMark: 10_000_000 });
  }

  override _write(_piece: unknown, _encoding: string, done: () => void): void {
    this.#sent = done;
  }

  async send(): Promise<void> {
    while (!this.writableFinished) {
      this.#sent();
      await turn();
    }
  }
}

const blockBytes = 65_536;

/** Uploads one block; the service answers when `answered` resolves. */
async function uploadTo(
  request: Writable,
  answered: () => Promise<unknown>,
): Promise<{ readonly pool: BlockPool; readonly block: unknown }> {
  const stageBlock = async (_id: string, content: () => SentBody) => {
    content().pipe(request);
    await answered();
  };
  const client = { getBlockBlobClient: () => ({ stageBlock }) };
  const send = (signal: AbortSignal, work: (container: object, signal: AbortSignal) => Promise<unknown>) =>
    work({ client }, signal);
  const service = { send } as unknown as AzureClient;
  const pool = new BlockPool({ blockBytes, blocksAtOnce: 1 });
  const upload = new BlockUpload(service, "name", { signal: undefined, pool, scope: newScope() });
  const block = pool.take();
  block.append(Buffer.alloc(blockBytes));
  await upload.send(block);
  await upload.arrived();
  return { pool, block };
}

it("a body is sent when the system has taken all of it, not when its last piece is on the way", async () => {
  const request = new HeldRequest();
  const body = new SentBody([Buffer.alloc(5), Buffer.alloc(6)]);
  body.pipe(request);
  await turn();
  expect([body.readableEnded, request.writableLength, body.isSent]).toEqual([true, 11, false]);
  await request.send();
  expect(body.isSent).toBe(true);
});

it("a block is filled again by the next content", async () => {
  const request = new Writable({ write: (_piece, _encoding, done) => done() });
  const { pool, block } = await uploadTo(request, () => once(request, "finish"));
  expect(pool.take()).toBe(block);
});

it("a block is not filled again while a request that was answered early still needs its bytes", async () => {
  const { pool, block } = await uploadTo(new HeldRequest(), () => turn());
  expect(pool.take()).not.toBe(block);
});
