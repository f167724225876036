import { BlobServiceClient } from "@azure/storage-blob";
import { easyStorage } from "svc-infra";
import { afterAll } from "vitest";
import { startAzurite } from "../../rigs/azurite.js";
import { abandonedSuite } from "./abandoned-suite.js";

const rig = await startAzurite();
const env = { STORAGE_BACKEND: "azure", STORAGE_MAX_UPLOAD_BYTES: "100000000", ...rig.env };

/** Records, notes of parts, and blocks that were never joined. */
async function leftovers(): Promise<readonly string[]> {
  const service = BlobServiceClient.fromConnectionString(rig.connectionString);
  const container = service.getContainerClient(String(rig.env.STORAGE_AZURE_CONTAINER));
  const names: string[] = [];
  for await (const { name } of container.listBlobsFlat({
    prefix: ".svc-infra/",
    includeUncommitedBlobs: true,
  }))
    names.push(name);
  return names;
}

abandonedSuite("azure", async () => ({
  env,
  leftovers,
  open: async () => (await easyStorage({}, env)).withPolicy({ types: ["text/plain"] }),
}));

afterAll(() => rig.stop());
