import { parseKey } from "../../dist/storage/contract/key.js";
import { easyStorage } from "../../dist/storage/easy-storage.js";

const baseUrl = "http://localhost:8000/files";

/**
 * Signs as `getUrl` of a storage with its default layers does, and verifies as the file route does.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const adapter = {
  name: "svc-infra-signer",
  layout: "memory",
  open: async () => {
    const env = { STORAGE_BACKEND: "memory", STORAGE_BASE_URL: baseUrl };
    const storage = await easyStorage({}, env);
    const signer = await storage.backend.signer();
    if (signer === undefined) throw new Error("there is no signer");
    return {
      sign: (key) => storage.getUrl(key),
      verify: (url) => {
        const at = url.indexOf("?");
        return (
          "allows" in signer.inspect("get", parseKey(url.slice(baseUrl.length + 1, at)), url.slice(at + 1))
        );
      },
      close: () => storage.close(),
    };
  },
};
