import { AzureBackend } from "svc-infra/storage/azure";
import { afterAll } from "vitest";
import { startAzurite } from "../../rigs/azurite.js";
import { BlocksFromUrl } from "../../rigs/azurite-blocks-from-url.js";
import { waysInParts } from "./ways-in-parts.js";

const rig = await startAzurite();
await rig.createContainer("parts");
const { account, accountKey } = rig;
const front = new BlocksFromUrl(rig);
const endpoint = await front.start();

waysInParts("Azurite", () => new AzureBackend({ account, accountKey, endpoint, container: "parts" }));

afterAll(async () => {
  await front.stop();
  await rig.stop();
});
