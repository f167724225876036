import { parseKey, type SignOptions, StorageConfigurationError, UrlSigner } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { describe, expect, it } from "vitest";

const key = parseKey("tenant/a.pdf");
const [oldSecret, newSecret] = ["o".repeat(32), "n".repeat(32)];
const at = (seconds: number) => () => seconds * 1000;

function options(changes: Partial<SignOptions> = {}): SignOptions {
  const nothing = { filename: undefined, contentType: undefined, transform: undefined };
  const defaults = { method: "get", download: false, ...nothing } as const;
  return { ...defaults, expiresAt: new Date(2_000_000), ...changes };
}

function signer(now = 1000, secrets: readonly string[] = [newSecret]): UrlSigner {
  return new UrlSigner({ baseUrl: "https://files.example/files/", secrets, now: at(now) });
}

function queryOf(url: string): string {
  return url.slice(url.indexOf("?") + 1);
}

describe("a base URL", () => {
  it.each(["x", "/files", "ftp://files.example", "http://files.example/files?x=1", "https://"])(
    "is not %j, in code as in the environment",
    (baseUrl) => {
      const message = "the option 'baseUrl' must be an http or https URL without a query";
      expect(() => new UrlSigner({ baseUrl, secrets: [newSecret] })).toThrow(message);
      expect(() => new UrlSigner({ baseUrl, secrets: [newSecret], audience: "files" })).toThrow(message);
      expect(() => new UrlSigner({ baseUrl: () => baseUrl, secrets: [newSecret] })).toThrow(message);
      expect(() => new MemoryBackend({ baseUrl })).toThrow(message);
    },
  );
});

describe("a signed URL", () => {
  it("is for no transform, which the file route would not do", () => {
    const asked = options({ transform: { width: 1 } });
    expect(() => signer().sign(key, asked)).toThrow(expect.objectContaining({ code: "unsupported" }));
  });

  it("verifies with everything that was signed", () => {
    const url = signer().sign(key, options({ download: true, filename: "Größe & mehr?.pdf" }));
    expect(url).toMatch(
      /^https:\/\/files\.example\/files\/tenant\/a\.pdf\?download=1&expires=2000&filename=/,
    );
    expect(signer().verify("get", key, queryOf(url))).toEqual({
      method: "get",
      key,
      expiresAt: new Date(2_000_000),
      download: true,
      filename: "Größe & mehr?.pdf",
      contentType: undefined,
    });
  });

  it("is good until the second before it expires", () => {
    const query = queryOf(signer().sign(key, options()));
    expect(signer(1999).verify("get", key, query)).toBeDefined();
    expect(signer(2000).verify("get", key, query)).toBeUndefined();
  });

  it("is bound to its key and its method", () => {
    const query = queryOf(signer().sign(key, options()));
    expect(signer().verify("get", parseKey("tenant/b.pdf"), query)).toBeUndefined();
    expect(signer().verify("put", key, query)).toBeUndefined();
  });

  it("is refused when any one character is another", () => {
    const query = queryOf(signer().sign(key, options({ download: true, filename: "a b.pdf" })));
    for (let index = 0; index < query.length; index += 1) {
      for (const other of ["0", "A", "_", "&", "%"].filter((each) => each !== query[index])) {
        const changed = query.slice(0, index) + other + query.slice(index + 1);
        expect(signer().verify("get", key, changed), changed).toBeUndefined();
      }
    }
  });

  it.each([
    ["no query", () => ""],
    ["no signature", (query: string) => query.replace(/&signature=.*/, "")],
    ["an empty signature", (query: string) => query.replace(/signature=.*/, "signature=")],
    ["a parameter more", (query: string) => query.replace("&signature", "&download=1&signature")],
    ["a parameter behind", (query: string) => `${query}&x=1`],
    ["a parameter twice", (query: string) => `expires=9999&${query}`],
    ["a signature twice", (query: string) => `${query}&${query.split("&")[1]}`],
    ["a longer life", (query: string) => query.replace("2000", "2001")],
    ["padding", (query: string) => `${query}=`],
  ])("is refused with %s", (_what, change) => {
    const query = queryOf(signer().sign(key, options()));
    expect(signer().verify("get", key, change(query))).toBeUndefined();
  });

  it("is the same in another order of its parameters, and with + for a blank", () => {
    const query = queryOf(signer().sign(key, options({ download: true, filename: "a b.pdf" })));
    const parts = query.split("&");
    for (const each of [parts.toSorted(), parts.toReversed()]) {
      expect(signer().verify("get", key, each.join("&"))).toBeDefined();
    }
    expect(signer().verify("get", key, query.replace("%20", "+"))).toBeDefined();
  });

  it("is for one place: a storage that is mounted elsewhere, or has another audience, refuses it", () => {
    const query = queryOf(signer().sign(key, options()));
    const at = (baseUrl: string, audience?: string) =>
      new UrlSigner({ baseUrl, audience, secrets: [newSecret], now: () => 1_000_000 });
    expect(at("http://127.0.0.1:8000/files").inspect("get", key, query)).toHaveProperty("allows");
    const forged = { refusal: "forged" };
    expect(at("https://files.example/vault").inspect("get", key, query)).toEqual(forged);
    expect(at("https://files.example/files", "vault").inspect("get", key, query)).toEqual(forged);
  });

  it("tells why it allows nothing", () => {
    const query = queryOf(signer().sign(key, options()));
    expect(signer(2000).inspect("get", key, query)).toEqual({ refusal: "expired" });
    expect(signer().inspect("put", key, query)).toEqual({ refusal: "forged" });
    expect(signer().inspect("get", key, `${query}&x=1`)).toEqual({ refusal: "malformed" });
  });

  it("carries how long caches may keep the answer", () => {
    const query = queryOf(signer().sign(key, options({ cacheControl: "private, max-age=60" })));
    expect(signer().verify("get", key, query)?.cacheControl).toBe("private, max-age=60");
    expect(signer().verify("get", key, query.replace("60", "61"))).toBeUndefined();
  });

  it("outlives a rotation as long as the old secret is listed", () => {
    const query = queryOf(signer(1000, [oldSecret]).sign(key, options()));
    expect(signer(1000, [newSecret, oldSecret]).verify("get", key, query)).toBeDefined();
    expect(signer(1000, [newSecret]).verify("get", key, query)).toBeUndefined();
  });

  it("cannot be made with a secret shorter than the digest, or with none", () => {
    expect(() => signer(0, ["x".repeat(31)])).toThrow(StorageConfigurationError);
    expect(() => signer(0, [])).toThrow(StorageConfigurationError);
  });
});
