import { easyStorage } from "svc-infra";
import { afterAll, expect } from "vitest";
import { startCeph } from "../../rigs/ceph.js";
import { s3Request } from "../../rigs/s3-request.js";
import { abandonedSuite } from "./abandoned-suite.js";

const rig = await startCeph();
const env = { STORAGE_BACKEND: "s3", STORAGE_MAX_UPLOAD_BYTES: "100000000", ...rig.env };

/** Objects of the kit's own, and uploads in parts that the service still has. */
async function leftovers(): Promise<readonly string[]> {
  const questions = ["list-type=2&prefix=.svc-infra%2F", "uploads"];
  const answers = await Promise.all(
    questions.map(async (query) => {
      const answer = await s3Request(rig, "GET", `/${rig.bucket}?${query}`);
      expect(answer.status).toBe(200);
      return answer.text();
    }),
  );
  return [...answers.join().matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = ""]) => key);
}

abandonedSuite("s3 (Ceph)", async () => ({
  env,
  leftovers,
  open: async () => (await easyStorage({}, env)).withPolicy({ types: ["text/plain"] }),
}));

afterAll(() => rig.stop());
