import { AzureBackend } from "svc-infra/storage/azure";
import { afterAll } from "vitest";
import { startAzurite } from "../rigs/azurite.js";
import { BlocksFromUrl } from "../rigs/azurite-blocks-from-url.js";
import { runSuite } from "./run-suite.js";

const rig = await startAzurite();
await rig.createContainer("conformance");
const { account, accountKey } = rig;
/** Makes blocks of a source, which the emulator does not. */
const front = new BlocksFromUrl(rig);
const endpoint = await front.start();

/** Small blocks, so that most content is more than one. */
runSuite(
  "azure",
  () =>
    new AzureBackend({
      account,
      accountKey,
      endpoint,
      container: "conformance",
      blockBytes: 65_536,
    }),
);

afterAll(async () => {
  await front.stop();
  await rig.stop();
});
