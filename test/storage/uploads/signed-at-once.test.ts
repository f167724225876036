import { setImmediate as turn } from "node:timers/promises";
import { Storage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { expect, it } from "vitest";

/** Signs each part slowly, as a service does that is asked for each. */
class Slow extends MemoryBackend {
  running = 0;
  most = 0;
  override readonly capabilities = { ...new MemoryBackend().capabilities, direct: "parts" as const };

  override async signUpload() {
    this.most = Math.max(this.most, ++this.running);
    await turn();
    this.running--;
    return { method: "PUT" as const, url: "https://example.com/", headers: {}, fields: {} };
  }
}

it("parts are signed in their order, and never more than 32 at once", async () => {
  const backend = new Slow();
  const size = 200 * 16 * 1024 * 1024;
  const { parts } = await new Storage(backend).prepareUpload("a", { size, contentType: "a/b" });
  expect(parts.map(({ number }) => number)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
  expect(backend.most).toBe(32);
});
