// @ts-check
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";

/* Completes an upload, and dies as soon as the object is there: before its lease says so. */
const [basePath = "", id = ""] = process.argv.slice(2);

class Dying extends LocalBackend {
  /**
   * @override
   * @type {import("svc-infra/storage").StorageBackend["write"]}
   */
  async write(key, body, options) {
    if (
      /lease$/.test(key) &&
      (await this.stat(parsed("a.txt"), { signal: undefined }).catch(() => undefined))
    ) {
      process.kill(process.pid, "SIGKILL");
      await new Promise(() => undefined);
    }
    return super.write(key, body, options);
  }
}

const { parseKey: parsed } = await import("svc-infra/storage");
const backend = new Dying({ basePath, baseUrl: "http://localhost/files", durability: "fast" });
await new Storage(backend, { policy: { types: ["text/plain"] } }).completeUpload(id);
