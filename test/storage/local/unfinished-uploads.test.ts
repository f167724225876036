import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseKey } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { expect, it, onTestFinished } from "vitest";

it("uploads that end while all are listed are passed over", async () => {
  const basePath = mkdtempSync(join(tmpdir(), "unfinished-"));
  onTestFinished(() => rmSync(basePath, { recursive: true }));
  const backend = new LocalBackend({ basePath });
  onTestFinished(() => backend.close());
  const key = parseKey("a");
  const none = { signal: undefined };
  for (let round = 0; round < 20; round++) {
    const begun = Array.from({ length: 20 }, () =>
      backend.createUpload(key, { contentType: "text/plain", filename: undefined, metadata: {}, ...none }),
    );
    const ids = await Promise.all(begun);
    const listing = (async () => {
      const found: string[] = [];
      for await (const { uploadId } of backend.unfinished(none)) found.push(uploadId);
      return found;
    })();
    await Promise.all(ids.map((id) => backend.abortUpload(key, id, none)));
    expect(ids).toEqual(expect.arrayContaining(await listing));
  }
});
