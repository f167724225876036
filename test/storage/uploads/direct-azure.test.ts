import { AzureBackend } from "svc-infra/storage/azure";
import { afterAll } from "vitest";
import { startAzurite } from "../../rigs/azurite.js";
import { BlocksFromUrl } from "../../rigs/azurite-blocks-from-url.js";
import { directSuite } from "./direct-suite.js";

const rig = await startAzurite();
await rig.createContainer("direct");
const { account, accountKey } = rig;
const front = new BlocksFromUrl(rig);
const endpoint = await front.start();

directSuite("azure", () => new AzureBackend({ account, accountKey, endpoint, container: "direct" }));

afterAll(async () => {
  await front.stop();
  await rig.stop();
});
