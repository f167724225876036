import type { CopyOptions, Key } from "svc-infra/storage";
import { AzureBackend } from "svc-infra/storage/azure";
import { afterAll } from "vitest";
import { startAzurite } from "../rigs/azurite.js";
import { BlocksFromUrl } from "../rigs/azurite-blocks-from-url.js";
import { runSuite } from "./run-suite.js";

const rig = await startAzurite();
await rig.createContainer("conformance");
const front = new BlocksFromUrl(rig);
const endpoint = await front.start();

const { account, accountKey } = rig;
/** Small blocks, so that most content is more than one. */
const options = { account, accountKey, container: "conformance", blockBytes: 65_536 };

/** Copies under another description need Put Block From URL, which the emulator does not have and the front has. */
class EmulatedBackend extends AzureBackend {
  readonly #byFront = new AzureBackend({ ...options, endpoint });

  override copy(from: Key, to: Key, given: CopyOptions) {
    return given.description === undefined
      ? super.copy(from, to, given)
      : this.#byFront.copy(from, to, given);
  }

  override async close() {
    await super.close();
    await this.#byFront.close();
  }
}

runSuite("azure", () => new EmulatedBackend({ ...options, endpoint: rig.endpoint }));

afterAll(async () => {
  await front.stop();
  await rig.stop();
});
