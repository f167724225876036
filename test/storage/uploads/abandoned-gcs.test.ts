import { easyStorage } from "svc-infra";
import { afterAll } from "vitest";
import { startGcsDouble } from "../../rigs/gcs-double.js";
import { abandonedSuite } from "./abandoned-suite.js";

const rig = await startGcsDouble();

abandonedSuite("gcs", async () => ({
  env: rig.env,
  leftovers: async () => (await rig.state()).objects.filter((name) => name.startsWith(".svc-infra/")),
  open: async () => (await easyStorage({}, rig.env)).withPolicy({ types: ["text/plain"] }),
}));

afterAll(() => rig.stop());
