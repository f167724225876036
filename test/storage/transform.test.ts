import {
  type BackendCall,
  type Capabilities,
  type Key,
  LayerBackend,
  type Next,
  prefix,
  type SignOptions,
  Storage,
  signing,
  stack,
  type Transform,
  UrlSigner,
} from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { describe, expect, it } from "vitest";

/** Memory that could transform: its URLs say what was asked for. */
class TransformingBackend extends LayerBackend<Capabilities> {
  override readonly capabilities = { ...this.inner.capabilities, transform: true };

  constructor() {
    super(new MemoryBackend({ baseUrl: "http://127.0.0.1:1/files" }));
  }

  protected override intercept<T>(call: BackendCall, next: Next<T>): Promise<T> {
    return next(call.signal);
  }

  override async sign(key: Key, { transform }: SignOptions): Promise<() => string> {
    return () => `provider:${key} ${JSON.stringify(transform)}`;
  }
}

const storage = new Storage(new TransformingBackend());

function urlOf(transform: unknown): Promise<string> {
  return storage.getUrl("a.png", { transform: transform as Transform });
}

describe("a transform", () => {
  it("reaches a backend that can do it, through every layer", async () => {
    const signer = new UrlSigner({ baseUrl: "https://files.example.com", secrets: ["s".repeat(32)] });
    const layered = storage.with(signing(signer), prefix("t/"), ...stack({ retry: {}, timeoutMs: 1000 }));
    const transform = { width: 10, height: 20, fit: "cover", format: "auto", quality: "auto" } as const;
    expect(await layered.getUrl("a.png", { transform })).toBe(
      `provider:t/a.png ${JSON.stringify(transform)}`,
    );
    expect(await layered.getUrl("a.png")).toContain("https://files.example.com/a.png?");
  });

  it("is complete without what is undefined, and may be empty", async () => {
    expect(await urlOf({ width: 10, height: undefined })).toBe('provider:a.png {"width":10}');
    expect(await urlOf({})).toBe("provider:a.png {}");
  });

  it("is unsupported on a backend that cannot do it, and never ignored", async () => {
    const unable: Storage = new Storage(new MemoryBackend({ baseUrl: "http://127.0.0.1:1/files" }));
    const refused = { code: "unsupported", name: "UnsupportedOperationError", operation: "getUrl" };
    await expect(unable.getUrl("a.png", { transform: {} })).rejects.toMatchObject(refused);
    const tenant = unable.forTenant("t");
    await expect(tenant.getUrl("a.png", { transform: { width: 1 } })).rejects.toMatchObject(refused);
  });

  it.each([
    null,
    7,
    "w_10",
    [],
    { width: 0 },
    { width: 10_001 },
    { height: 1.5 },
    { height: "10" },
    { quality: 0 },
    { quality: 101 },
    { quality: "best" },
    { format: "exe" },
    { fit: "crop", width: 1 },
    { fit: "cover", width: 1 },
    { fit: "inside" },
    { angle: 90 },
    JSON.parse('{"__proto__":{}}'),
  ])("%j is an invalid argument", async (transform) => {
    await expect(urlOf(transform)).rejects.toMatchObject({ code: "invalid_argument" });
  });
});
