import { Storage } from "svc-infra/storage";
import { AzureBackend } from "svc-infra/storage/azure";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AzuriteRig, startAzurite } from "../../rigs/azurite.js";

let rig: AzuriteRig;
let storage: Storage;
beforeAll(async () => {
  rig = await startAzurite();
  storage = new Storage(new AzureBackend({ connectionString: rig.connectionString, container: "svc-infra" }));
  await storage.put("docs/report.txt", "content", { contentType: "text/plain", filename: "Bericht.txt" });
});
afterAll(() => rig?.stop());

describe("a URL", () => {
  it("answers with the type and the name of the file", async () => {
    const answer = await fetch(await storage.getUrl("docs/report.txt"));
    expect([answer.status, await answer.text()]).toEqual([200, "content"]);
    expect(answer.headers.get("content-type")).toBe("text/plain");
    expect(answer.headers.get("content-disposition")).toBe('inline; filename="Bericht.txt"');
  });

  it("answers as the download that was asked for, in any script", async () => {
    const answer = await fetch(
      await storage.getUrl("docs/report.txt", { download: true, filename: "報告.txt" }),
    );
    expect(answer.headers.get("content-disposition")).toBe(
      `attachment; filename="_.txt"; filename*=UTF-8''${encodeURIComponent("報告.txt")}`,
    );
  });

  it("of what a browser would run makes it an attachment, whatever the caller gave", async () => {
    const contentType = "text/html";
    const given = { "plain.html": undefined, "inline.html": 'inline; filename="p.html"' };
    for (const [key, contentDisposition] of Object.entries(given)) {
      await storage.put(key, "<script>", { contentType, contentDisposition });
    }
    const told = Object.keys(given).map(async (key) => (await fetch(await storage.getUrl(key))).headers);
    expect((await Promise.all(told)).map((headers) => headers.get("content-disposition"))).toEqual([
      "attachment",
      'attachment; filename="p.html"',
    ]);
  });

  it("reads that one object and does nothing else", async () => {
    const url = await storage.getUrl("docs/report.txt");
    const { search } = new URL(url);
    const container = `${rig.endpoint}/svc-infra`;
    const headers = { "x-ms-blob-type": "BlockBlob" };
    for (const [method, target, init] of [
      ["PUT", url, { headers, body: "evil" }],
      ["DELETE", url, {}],
      ["GET", `${container}/docs/other.txt${search}`, {}],
      ["GET", `${container}${search}&restype=container&comp=list`, {}],
    ] as const) {
      const answer = await fetch(target, { method, ...init });
      expect([method, answer.status]).toEqual([method, 403]);
    }
  });

  it("loses its worth when what it says of the answer is changed", async () => {
    const url = await storage.getUrl("docs/report.txt", { download: true, filename: "a.txt" });
    for (const changed of [
      url.replace("a.txt", "b.txt"),
      url.replace(/&rscd=[^&]*/, ""),
      `${url}&rsct=text/html`,
    ]) {
      expect((await fetch(changed)).status).toBe(403);
    }
  });

  it("over https is for https alone", async () => {
    const { account, accountKey } = rig;
    const backend = new AzureBackend({ container: "svc-infra", account, accountKey });
    const url = new URL(await new Storage(backend).getUrl("a"));
    expect([url.origin, url.searchParams.get("spr"), url.searchParams.get("sp")]).toEqual([
      `https://${account}.blob.core.windows.net`,
      "https",
      "r",
    ]);
  });

  it("to upload is refused, since it could not say what may be uploaded", async () => {
    const upload = storage.getUploadUrl("a", { contentType: "text/plain" });
    await expect(upload).rejects.toMatchObject({ code: "unsupported" });
  });
});
