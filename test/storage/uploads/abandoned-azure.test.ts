import { easyStorage } from "svc-infra";
import { afterAll } from "vitest";
import { startAzurite } from "../../rigs/azurite.js";
import { abandonedSuite } from "./abandoned-suite.js";

const rig = await startAzurite();
const env = { STORAGE_BACKEND: "azure", ...rig.env };

abandonedSuite("azure", async () => ({
  env,
  open: async () => (await easyStorage({}, env)).withPolicy({ types: ["text/plain"] }),
}));

afterAll(() => rig.stop());
