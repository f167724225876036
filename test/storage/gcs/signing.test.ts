import { type GetSignedUrlConfig, Storage as Sdk } from "@google-cloud/storage";
import { easyStorage } from "svc-infra";
import { parseKey, Storage } from "svc-infra/storage";
import { GcsBackend } from "svc-infra/storage/gcs";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { startGcsDouble } from "../../rigs/gcs-double.js";

const rig = await startGcsDouble();
const { bucket, endpoint, owner } = rig;
const backend = new GcsBackend({ bucket, endpoint, credentials: owner });
const storage = new Storage(backend);

afterAll(async () => {
  await storage.close();
  await rig.stop();
});
afterEach(() => vi.unstubAllEnvs());

describe("a URL is the one that the official signer makes", () => {
  const { client_email = "", private_key = "" } = owner;
  const sdk = new Sdk({ credentials: { client_email, private_key } });
  const now = Math.floor(Date.now() / 1000) * 1000;
  const expires = now + 900_000;
  const ours = new GcsBackend({ bucket: "some-bucket", credentials: owner, now: () => now });
  const keys = ["a", "a/b/c.txt", "-_.x/007", `${"k/".repeat(400)}k`].map(parseKey);
  const plain = { expiresAt: new Date(expires), download: false, filename: undefined, transform: undefined };

  async function theirs(key: string, config: Partial<GetSignedUrlConfig>): Promise<readonly unknown[]> {
    const file = sdk.bucket("some-bucket").file(key);
    const common = { version: "v4", action: "read", accessibleAt: now, expires } as const;
    const [url] = await file.getSignedUrl({ ...common, ...config });
    return partsOf(url);
  }

  it.each(keys)("to read %s", async (key) => {
    const url = (await ours.sign(key, { ...plain, method: "get", contentType: undefined }))();
    expect(partsOf(url)).toEqual(await theirs(key, {}));
  });

  it.each(keys)("to download %s under a name", async (key) => {
    const options = { ...plain, download: true, filename: "a (1)'s* 請.txt" };
    const url = (await ours.sign(key, { ...options, method: "get", contentType: undefined }))();
    const responseDisposition = new URL(url).searchParams.get("response-content-disposition") ?? "";
    expect(responseDisposition).toMatch(/^attachment; filename=/);
    expect(partsOf(url)).toEqual(await theirs(key, { responseDisposition }));
  });

  it.each(keys)("to write %s", async (key) => {
    const contentType = 'text/csv; charset="utf-8"';
    const url = (await ours.sign(key, { ...plain, method: "put", contentType }))();
    const extensionHeaders = { "content-disposition": "attachment" };
    expect(partsOf(url)).toEqual(await theirs(key, { action: "write", contentType, extensionHeaders }));
    const shown = (await ours.sign(key, { ...plain, method: "put", contentType: "image/png" }))();
    expect(partsOf(shown)).toEqual(await theirs(key, { action: "write", contentType: "image/png" }));
  });
});

describe("a URL", () => {
  it("gives the file under its own name, as it was put and as the URL says", async () => {
    const { url = "" } = await storage.put("named.pdf", "content", { filename: "請求書.pdf" });
    const encoded = encodeURIComponent("請求書.pdf");
    expect((await fetch(url)).headers.get("content-disposition")).toMatch(
      new RegExp(`^inline; .*${encoded}$`),
    );
    const other = await storage.getUrl("named.pdf", { download: true, filename: "other.pdf" });
    expect((await fetch(other)).headers.get("content-disposition")).toBe('attachment; filename="other.pdf"');
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

  it("that was signed to write makes an object of that type, which is read like any other", async () => {
    const url = await storage.getUploadUrl("direct.txt", { contentType: "text/plain; charset=utf-8" });
    const headers = { "content-type": "text/plain; charset=utf-8" };
    expect((await fetch(url, { method: "PUT", headers, body: "sent directly" })).status).toBe(200);
    const { contentType, size, metadata, filename } = await storage.getMetadata("direct.txt");
    expect([contentType, size, { ...metadata }, filename]).toEqual([
      "text/plain; charset=utf-8",
      13,
      {},
      undefined,
    ]);
    expect(Buffer.from(await storage.get("direct.txt")).toString()).toBe("sent directly");
  });

  it("that was signed to write what a browser would run makes an attachment, or nothing", async () => {
    const url = await storage.getUploadUrl("page.html", { contentType: "text/html" });
    const put = (headers: Record<string, string>) =>
      fetch(url, { method: "PUT", headers: { "content-type": "text/html", ...headers }, body: "<script>" });
    expect((await put({})).status).toBe(403);
    expect((await put({ "content-disposition": "inline" })).status).toBe(403);
    expect(await storage.exists("page.html")).toBe(false);
    expect((await put({ "content-disposition": "attachment" })).status).toBe(200);
    const read = await fetch(await storage.getUrl("page.html"));
    expect(read.headers.get("content-disposition")).toBe("attachment");
  });

  it("of a direct upload binds an attachment for what a browser would run", async () => {
    const prepare = (contentType: string) => storage.prepareUpload("direct", { size: 1, contentType });
    const [page, image] = [await prepare("text/html"), await prepare("image/png")];
    expect(page.headers).toMatchObject({ "content-disposition": "attachment" });
    expect(image.headers).not.toHaveProperty("content-disposition");
    const put = (headers: Record<string, string>) =>
      fetch(page.url ?? "", { method: "PUT", headers, body: "x" });
    expect((await put({ ...page.headers, "content-disposition": "inline" })).status).toBe(403);
    expect((await put(page.headers)).status).toBe(200);
  });

  it("of an endpoint with a slash at its end is sound", async () => {
    const slashed = new Storage(new GcsBackend({ bucket, endpoint: `${endpoint}/`, credentials: owner }));
    const { url = "" } = await slashed.put("slashed", "content");
    expect((await fetch(url)).status).toBe(200);
    await slashed.close();
  });
});

describe("without a key", () => {
  it("the default chain finds the machine's account, and IAM signs", async () => {
    vi.stubEnv("GCE_METADATA_HOST", new URL(endpoint).host);
    vi.stubEnv("METADATA_SERVER_DETECTION", "assume-present");
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", "");
    const keyless = new Storage(new GcsBackend({ bucket, endpoint, iamEndpoint: endpoint }));
    const { url = "" } = await keyless.put("keyless", "content");
    expect(url).toContain("X-Goog-Credential=owner%40");
    expect(await (await fetch(url)).text()).toBe("content");
    expect((await rig.state()).signBlob).toBe(1);
    await keyless.close();
  });

  it("a server that asks for credentials refuses a caller without, and says which variables to look at", async () => {
    vi.stubEnv("GCE_METADATA_HOST", "127.0.0.1:1");
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", "");
    vi.stubEnv("HOME", "/nonexistent");
    const nobody = new Storage(new GcsBackend({ bucket, endpoint }));
    for (const call of [() => nobody.exists("a"), () => nobody.put("a", "content")]) {
      await expect(call()).rejects.toMatchObject({
        code: "permission_denied",
        message: expect.stringContaining("STORAGE_GCS_CREDENTIALS"),
      });
    }
    await nobody.close();
  });

  it("a caller without credentials is one only until there are credentials", async () => {
    vi.stubEnv("METADATA_SERVER_DETECTION", "none");
    vi.stubEnv("HOME", "/nonexistent");
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", "");
    const late = new Storage(new GcsBackend({ bucket, endpoint, iamEndpoint: endpoint }));
    expect(await late.getUrl("a")).toBe(`${endpoint}/${bucket}/a`);
    vi.stubEnv("GCE_METADATA_HOST", new URL(endpoint).host);
    vi.stubEnv("METADATA_SERVER_DETECTION", "assume-present");
    expect(await late.getUrl("a")).toContain("X-Goog-Signature=");
    await late.close();
  });

  it("an emulator that asks for no credentials is used without, and its URLs are not signed", async () => {
    vi.stubEnv("METADATA_SERVER_DETECTION", "none");
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", "");
    vi.stubEnv("HOME", "/nonexistent");
    const open = await startGcsDouble({ isOpen: true });
    const settings = {
      STORAGE_BACKEND: "gcs",
      STORAGE_GCS_BUCKET: open.bucket,
      STORAGE_GCS_ENDPOINT: open.endpoint,
    };
    const emulated = await easyStorage({}, settings);
    const { url } = await emulated.put("open", "content");
    expect(url).toBe(`${open.endpoint}/${open.bucket}/open`);
    expect(await (await fetch(url ?? "")).text()).toBe("content");
    await emulated.close();
    await open.stop();
  });
});

/** The parts of a URL; the order of its parameters means nothing. */
function partsOf(url: string): readonly unknown[] {
  const { origin, pathname, searchParams } = new URL(url);
  return [origin, pathname, [...searchParams].sort()];
}
