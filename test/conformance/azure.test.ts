import { AzureBackend } from "svc-infra/storage/azure";
import { afterAll } from "vitest";
import { startAzurite } from "../rigs/azurite.js";
import { runSuite } from "./run-suite.js";

const rig = await startAzurite();
await rig.createContainer("conformance");

/** Small blocks, so that most content is more than one. */
runSuite(
  "azure",
  () =>
    new AzureBackend({
      connectionString: rig.connectionString,
      container: "conformance",
      blockBytes: 65_536,
    }),
);

afterAll(() => rig.stop());
