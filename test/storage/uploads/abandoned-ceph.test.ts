import { easyStorage } from "svc-infra";
import { afterAll } from "vitest";
import { startCeph } from "../../rigs/ceph.js";
import { abandonedSuite } from "./abandoned-suite.js";

const rig = await startCeph();
const env = { STORAGE_BACKEND: "s3", ...rig.env };

abandonedSuite("s3 (Ceph)", async () => ({
  env,
  open: async () => (await easyStorage({}, env)).withPolicy({ types: ["text/plain"] }),
}));

afterAll(() => rig.stop());
