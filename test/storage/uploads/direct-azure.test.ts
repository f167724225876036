import { AzureBackend } from "svc-infra/storage/azure";
import { afterAll } from "vitest";
import { startAzurite } from "../../rigs/azurite.js";
import { directSuite } from "./direct-suite.js";

const rig = await startAzurite();
await rig.createContainer("direct");

directSuite("azure", () => new AzureBackend({ connectionString: rig.connectionString, container: "direct" }));

afterAll(() => rig.stop());
